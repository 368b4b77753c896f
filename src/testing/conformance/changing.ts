import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function changing(harness: StoreHarness): void {
  test('a waiting job takes a new input', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', due: { inMs: 100 } }))

    const answers = await scene.store.change(['a', 'b'], { input: '{"n":2}' })

    assert.deepEqual(answers, ['changed', 'changed'])
    assert.equal((await scene.get('b')).input, '{"n":2}')
    assert.equal((await scene.claim(await scene.join()))[0]?.input, '{"n":2}')
  })

  test('a new priority moves a job, keeping its place within', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c']), ...jobs(['d'], { rank: 1 }))

    await scene.store.change(['b'], { rank: 1 })

    assert.equal((await scene.get('b')).rank, 1)
    assert.deepEqual(await scene.claimedIds(await scene.join()), ['b', 'd', 'a', 'c'])
  })

  test('a ready job can be put off', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.store.change(['a'], { due: { inMs: 3_000 } })

    assert.equal(await scene.state('a'), 'scheduled')
    assert.equal((await scene.get('a')).dueAt, scene.env.now() + 3_000)
    await scene.pass(3_000)
    assert.equal(await scene.state('a'), 'ready')
  })

  test('a scheduled job can be made ready now, at the end of its line', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } }), aJob({ id: 'b' }))

    await scene.store.change(['a'], { due: { inMs: 0 } })

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['b', 'a'])
  })

  test('a scheduled job can be given another time', async (t) => {
    const scene = await setScene(harness, t)
    const at = scene.env.now() + 500
    await scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } }))

    await scene.store.change(['a'], { due: { at } })

    assert.equal((await scene.get('a')).dueAt, at)
    await scene.pass(1_000)
    assert.equal(await scene.state('a'), 'ready')
  })

  test('the time of a blocked job holds once it is no longer blocked', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', after: { on: ['a'], otherwise: 'run' } }))

    await scene.store.change(['b'], { due: { inMs: 5_000 } })
    assert.equal(await scene.state('b'), 'blocked')
    await scene.run(worker, succeeded)

    assert.equal(await scene.state('b'), 'scheduled')
    await scene.pass(5_000)
    assert.equal(await scene.state('b'), 'ready')
  })

  test('a new input takes its own version with it, or has none', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', version: 1, tags: ['kept'] }), aJob({ id: 'b', version: 1 }))

    await scene.store.change(['a'], { input: '{"n":2}', version: 2 })
    await scene.store.change(['b'], { input: '{"n":2}' })

    assert.deepEqual([(await scene.get('a')).version, (await scene.get('b')).version], [2, undefined])
    assert.deepEqual((await scene.get('a')).tags, ['kept'])
    const claimed = await scene.claim(await scene.join())
    assert.deepEqual(
      claimed.map(({ version }) => version),
      [2, undefined],
    )
  })

  test('running, final and unknown jobs are not changed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['final', 'running']))
    await scene.run(worker, succeeded)
    await scene.claim(worker)

    const answers = await scene.store.change(['final', 'running', 'nobody'], { input: '"new"', rank: 0 })

    assert.deepEqual(answers, ['final', 'running', 'unknown'])
    assert.equal((await scene.get('running')).input, '{}')
    assert.equal((await scene.get('final')).rank, 2)
  })
}
