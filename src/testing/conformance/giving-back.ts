import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function givingBack(harness: StoreHarness): void {
  test('a job given back is as if it had never been claimed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const before = await scene.get('a')

    const [job] = await scene.claim(worker)
    await scene.giveBack(worker, job!)

    assert.deepEqual(await scene.get('a'), before)
  })

  test('a job given back goes to the front of its priority', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']))

    const [, b] = await scene.claim(worker, { jobs: 2 })
    await scene.giveBack(worker, b!)

    assert.deepEqual(await scene.claimedIds(worker), ['b', 'c'])
  })

  test('a job given back with a delay is not claimed before, and then stands at the end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))

    const [a] = await scene.claim(worker, { jobs: 1 })
    await scene.giveBack(worker, a!, 2_000)

    const job = await scene.get('a')
    assert.equal(job.state, 'scheduled')
    assert.equal(job.dueAt, scene.env.now() + 2_000)
    assert.equal(job.attempt, 0)
    await scene.env.advance(2_000)
    await scene.upkeep()
    assert.deepEqual(await scene.claimedIds(worker), ['b', 'a'])
  })

  test('giving back loses no attempt', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(worker, retryIn(0))

    const [second] = await scene.claim(worker)
    await scene.giveBack(worker, second!)

    const [third] = await scene.claim(worker)
    assert.deepEqual([second!.attempt, third!.attempt], [2, 2])
  })

  test('a stale give-back changes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)
    await scene.giveBack(worker, first!)
    await scene.claim(worker)

    const { stale } = await scene.giveBack(worker, first!)

    assert.deepEqual(stale, [{ id: 'a', claim: first!.claim }])
    assert.equal(await scene.state('a'), 'running')
  })

  test('what was given back can be claimed in the same turn', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)

    const { claimed } = await scene.turn(worker, { givenBack: [{ claim: first! }] })

    assert.equal(claimed[0]?.id, 'a')
    assert.ok(claimed[0]!.claim > first!.claim)
  })
}
