import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const minute = 60_000

export function retention(harness: StoreHarness): void {
  test('a final job is kept for its retention and then pruned', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 2 * minute }))
    await scene.run(await scene.join(), succeeded)

    await scene.env.advance(2 * minute - 1)
    await scene.upkeep()
    assert.equal(await scene.state('a'), 'succeeded')
    await prune(scene, minute + 1)

    assert.deepEqual(await scene.store.get(['a']), ['gone'])
    assert.deepEqual(await scene.find(), [])
    assert.equal((await scene.store.counts())[0]?.states.succeeded, 0)
  })

  test('what succeeded and what did not are kept apart', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['good', 'bad', 'cancelled'], { keepSucceededMs: minute, keepFailedMs: 10 * minute }))
    await scene.run(worker, succeeded)
    await scene.run(worker, failed)
    await scene.store.cancel(['cancelled'])

    await prune(scene, 3 * minute)
    assert.deepEqual(
      (await scene.find()).map(({ id }) => id),
      ['cancelled', 'bad'],
    )
    await prune(scene, 10 * minute)

    assert.deepEqual(await scene.store.get(['good', 'bad', 'cancelled']), ['gone', 'gone', 'gone'])
  })

  test('retention is a lower limit, rounded up to the minute', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 1 }))
    await scene.run(await scene.join(), succeeded)

    await prune(scene, 1)
    assert.equal(await scene.state('a'), 'succeeded')
    await prune(scene, 2 * minute)

    assert.deepEqual(await scene.store.get(['a']), ['gone'])
  })

  test('a retried job is kept from its new end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const kept = { keepSucceededMs: 10 * minute, keepFailedMs: minute }
    await scene.insert(...jobs(['fails again', 'succeeds then'], kept))
    await scene.run(worker, failed)
    await scene.run(worker, failed)

    await scene.env.advance(minute / 2)
    await scene.store.retry(['fails again', 'succeeds then'])
    await scene.run(worker, failed)
    await scene.run(worker, succeeded)
    await prune(scene, minute - 1000)
    assert.deepEqual([await scene.state('fails again'), await scene.state('succeeds then')], ['failed', 'succeeded'])
    await prune(scene, 5 * minute)
    assert.equal(await scene.state('succeeds then'), 'succeeded')
    await prune(scene, 6 * minute)

    assert.deepEqual(await scene.store.get(['fails again', 'succeeds then']), ['gone', 'gone'])
  })

  test('unfinished jobs are never pruned', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 0, keepFailedMs: 0 }))

    await prune(scene, 60 * minute)

    assert.equal(await scene.state('a'), 'ready')
  })

  test('a member is kept while a job that waits for it is unfinished', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 24 * 60 * minute })
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 0 }), aJob({ id: 'b', after: { on: ['a'], otherwise: 'run' } }))
    await scene.run(worker, succeeded)
    await prune(scene, 10 * minute)
    assert.equal(await scene.state('a'), 'succeeded')

    const [b] = await scene.claim(worker)
    assert.equal(b?.members?.length, 1)
    await scene.settle(worker, b!, succeeded)
    await prune(scene, 2 * minute)

    assert.deepEqual(await scene.store.get(['a']), ['gone'])
  })

  test('the id of a pruned job is free', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 0 }))
    await scene.run(await scene.join(), succeeded)
    await prune(scene, 2 * minute)

    assert.deepEqual(await scene.insert(aJob({ id: 'a', input: '"new"' })), [{ kind: 'inserted' }])
    assert.equal(await scene.state('a'), 'ready')
  })

  test('pruned ids are remembered for at least a day', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 0 }))
    await scene.run(await scene.join(), succeeded)
    await prune(scene, 2 * minute)

    await prune(scene, 24 * 60 * minute - 1)

    assert.deepEqual(await scene.store.get(['a', 'b']), ['gone', undefined])
  })

  test('pruning is bounded per call', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c'], { keepFailedMs: 0 }))
    await scene.store.cancel(['a', 'b', 'c'])
    await scene.env.advance(2 * minute)

    const first = await scene.store.upkeep({ prune: 2 })
    const second = await scene.store.upkeep({ prune: 2 })

    assert.deepEqual([first.pruned, first.more], [2, true])
    assert.equal(second.pruned, 1)
  })
}

async function prune(scene: Scene, ms: number) {
  await scene.env.advance(ms)
  await scene.upkeep()
}
