import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreClosedError } from '../../errors.ts'
import { aJob, aTurn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const never = new AbortController().signal

export function closing(harness: StoreHarness): void {
  test('a closed store refuses everything', async (t) => {
    const { store } = await setScene(harness, t)
    await store.close()

    const refused: Record<string, () => Promise<unknown>> = {
      insert: () => store.insert([[aJob()]]),
      join: () => store.join({ name: 'w', host: 'h', pid: 1, queues: [], tasks: [], slots: 1, leaseMs: 8_000 }),
      turn: () => store.turn(aTurn({ incarnation: 'w' })),
      get: () => store.get(['a']),
      cancel: () => store.cancel(['a']),
      counts: () => store.counts(),
      upkeep: () => store.upkeep(),
      settled: () => store.settled(['a'], 1_000, never),
      schedules: () => store.schedules.list(),
      'schedules by name': () => store.schedules.get(['a']),
    }
    for (const [name, call] of Object.entries(refused)) await assert.rejects(call, StoreClosedError, name)
  })

  test('closing twice is harmless', async (t) => {
    const { store } = await setScene(harness, t)

    await store.close()
    await store.close()
  })

  test('closing wakes who sleeps and ends what listens', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } }))
    await scene.turn(worker, { park: true })
    const sleeping = scene.store.wait(worker, ['default'], 600_000, never)
    const waiter = assert.rejects(scene.store.settled(['a'], 600_000, never), StoreClosedError)
    const listener = await scene.listen(t)
    const next = listener.next()
    await scene.env.idle()

    await scene.store.close()

    assert.equal(await sleeping, 'control')
    assert.equal(await next, undefined)
    await waiter
  })

  test('an engine names itself and looks after itself', async (t) => {
    const { store } = await setScene(harness, t)

    assert.match(store.engine, /^[a-z]+$/)
    assert.ok(
      store.limits.jobsPerCall >= 200 && store.limits.bytesPerCall >= 128 * 1024 && store.limits.idsPerCall >= 200,
    )
    assert.equal(store.capabilities.insertWith, store.insertWith !== undefined)
    for (const { subject, verdict, detail } of await store.inspect()) {
      assert.ok(subject && detail && ['good', 'warning', 'bad'].includes(verdict))
    }
  })
}
