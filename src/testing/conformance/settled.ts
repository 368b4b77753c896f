import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const never = new AbortController().signal

export function settled(harness: StoreHarness): void {
  test('settled returns at once what is final, gone or unknown', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c']))
    const worker = await scene.join()
    await scene.run(worker, succeeded)
    await scene.run(worker, failed)

    const settled = await scene.store.settled(['a', 'b', 'c', 'nobody'], 60_000, never)

    assert.deepEqual(settled, [
      { id: 'a', state: 'succeeded', result: '{"done":true}' },
      { id: 'b', state: 'failed', error: { name: 'Error', message: 'it broke' } },
      { id: 'nobody', state: 'unknown' },
    ])
  })

  test('settled says of a pruned job that it is gone', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepSucceededMs: 0 }))
    await scene.run(await scene.join(), succeeded)
    await scene.env.advance(120_000)
    await scene.upkeep()

    assert.deepEqual(await scene.store.settled(['a'], 60_000, never), [{ id: 'a', state: 'gone' }])
  })

  test('settled waits for the first to end', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))
    const waiter = scene.store.settled(['a', 'b'], 60_000, never)
    await scene.env.idle()

    await scene.run(await scene.join(), succeeded)

    assert.deepEqual(
      (await waiter).map(({ id }) => id),
      ['a'],
    )
  })

  test('settled hears of cancels, expiries, releases and removals', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'c', held: true }), aJob({ id: 'd', expires: { inMs: 10 } }))
    const waiters = ['a', 'b', 'c', 'd'].map((id) => scene.store.settled([id], 60_000, never))
    await scene.env.idle()

    await scene.store.cancel(['a'])
    await scene.store.remove(['b'])
    await scene.store.release([{ id: 'c', result: '1' }])
    await scene.pass(1_000)

    const states = (await Promise.all(waiters)).map(([settled]) => settled?.state)
    assert.deepEqual(states, ['cancelled', 'unknown', 'succeeded', 'expired'])
  })

  test('settled returns nothing when its time is over or its signal aborted', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    const abort = new AbortController()
    const [late, aborted] = [scene.store.settled(['a'], 3_000, never), scene.store.settled(['a'], 60_000, abort.signal)]
    await scene.env.idle()

    abort.abort()
    await scene.env.advance(3_000)

    assert.deepEqual([await late, await aborted], [[], []])
  })
}
