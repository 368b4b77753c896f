import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const rate = { name: 'rate', tokens: 10, perMs: 1_000 }

export function closingRates(harness: StoreHarness): void {
  test('no job of a closed rate starts until it opens again, whatever tokens are left', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }), aJob({ id: 'other' }))

    await scene.run(worker, succeeded, { closesRateMs: 30_000 })

    assert.deepEqual(await scene.claimedIds(worker), ['other'])
    await scene.env.advance(29_999)
    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.env.advance(1)
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('any end of a job can close its rate', async (t) => {
    for (const outcome of [failed, retryIn(1)]) {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      await scene.insert(...jobs(['a', 'b'], { rate }))

      await scene.run(worker, outcome, { closesRateMs: 30_000 })
      await scene.pass(1_000)

      assert.deepEqual(await scene.claimedIds(worker), [])
    }
  })

  test('a turn says when a closed rate opens', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { rate }))
    const [a] = await scene.claim(worker, { jobs: 1 })

    const { nextDueMs } = await scene.settle(worker, a!, succeeded, { closesRateMs: 30_000 })

    assert.equal(nextDueMs, 30_000)
  })

  test('the latest time counts', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { rate }))
    const [a, b] = await scene.claim(worker, { jobs: 2 })

    await scene.settle(worker, a!, succeeded, { closesRateMs: 30_000 })
    const { nextDueMs } = await scene.settle(worker, b!, succeeded, { closesRateMs: 10_000 })

    assert.equal(nextDueMs, 30_000)
  })

  test('tokens that were taken stay taken', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { rate: { name: 'rate', tokens: 2, perMs: 60_000 } }))

    await scene.run(worker, succeeded, { closesRateMs: 10_000 })
    await scene.env.advance(10_000)

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('a stale settlement closes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }))
    const [a] = await scene.claim(worker, { jobs: 1 })
    await scene.settle(worker, a!, succeeded)

    await scene.settle(worker, a!, succeeded, { closesRateMs: 30_000 })

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('closing a rate closes no other, and means nothing without one', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'plain' }),
      aJob({ id: 'a', rate }),
      aJob({ id: 'b', rate: { ...rate, name: 'slow' } }),
    )

    await scene.run(worker, succeeded, { closesRateMs: 30_000 })
    await scene.run(worker, succeeded, { closesRateMs: 30_000 })

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('a new value does not open a closed rate', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }))
    await scene.run(worker, succeeded, { closesRateMs: 30_000 })

    await scene.store.limit('rate', { tokens: 100 })

    assert.deepEqual(await scene.claimedIds(worker), [])
  })
}
