import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function pausing(harness: StoreHarness): void {
  test('a paused queue takes jobs and hands out none', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    await scene.store.pause('default', true)
    await scene.insert(aJob({ id: 'b' }), aJob({ id: 'c', queue: 'other' }))

    const { claimed, more } = await scene.turn(worker, {
      room: [{ queues: ['default', 'other'], jobs: 1, bottomUp: 0 }],
    })
    assert.deepEqual([claimed.map(({ id }) => id), more], [['c'], true])
    assert.equal((await scene.store.counts())[0]?.paused, true)
  })

  test('a resumed queue hands out what it took, in order', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.pause('default', true)
    await scene.insert(...jobs(['a', 'b']))

    await scene.store.pause('default', false)

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'b'])
    assert.equal((await scene.store.counts())[0]?.paused, false)
  })

  test('what runs when its queue is paused may end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)

    await scene.store.pause('default', true)
    await scene.settle(worker, job!, succeeded)

    assert.equal(await scene.state('a'), 'succeeded')
  })

  test('a queue can be paused before it has any job', async (t) => {
    const scene = await setScene(harness, t)

    await scene.store.pause('later', true)
    await scene.insert(aJob({ queue: 'later' }))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { queues: ['later'] }), [])
    assert.deepEqual(
      (await scene.store.counts()).map(({ queue, paused }) => [queue, paused]),
      [['later', true]],
    )
  })

  test('a paused queue hands out no suspects either', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    for (let crash = 0; crash < 2; crash++) await scene.crash()

    await scene.store.pause('default', true)

    assert.deepEqual(await scene.claimedIds(await scene.join()), [])
  })
}
