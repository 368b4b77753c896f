import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { NewJob, WaitResult } from '../../store/store.ts'
import { aJob, jobs } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

export function soon(harness: StoreHarness): void {
  const brought: Record<string, Partial<NewJob>> = {
    'is due': { due: { inMs: 100 } },
    'is due and has a lane': { due: { inMs: 100 }, lane: { name: 'lane', slots: 1 } },
    expires: { expires: { inMs: 100 }, held: true },
  }
  for (const [what, fields] of Object.entries(brought)) {
    test(`a job that ${what} soon wakes who sleeps, that he may hear when it will be time`, async (t) => {
      const scene = await setScene(harness, t)
      const { worker, woken } = await fallAsleep(scene, t)

      await scene.insert(aJob(fields))

      assert.equal(await woken, 'work')
      assert.equal((await scene.turn(worker)).nextDueMs, 100)
    })
  }

  test('a job that is put off until soon wakes who sleeps', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } }))
    const { worker, woken } = await fallAsleep(scene, t)

    await scene.store.change(['a'], { due: { inMs: 200 } })

    assert.equal(await woken, 'work')
    assert.equal((await scene.turn(worker)).nextDueMs, 200)
  })

  test('a job that is due soon and comes between the last turn and falling asleep wakes too', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.turn(worker, { park: true })

    await scene.insert(aJob({ due: { inMs: 100 } }))

    assert.equal(await scene.store.wait(worker, ['default'], 60_000, new AbortController().signal), 'work')
  })

  test('what is due or expires later than upkeep looks wakes nobody', async (t) => {
    const scene = await setScene(harness, t)
    const { woken } = await fallAsleep(scene, t, 1_000)

    await scene.insert(aJob({ due: { inMs: 5_000 } }), aJob({ held: true, expires: { inMs: 6_000 } }))
    await scene.env.advance(1_000)

    assert.equal(await woken, 'time')
  })

  test('what is due after what is known already wakes nobody', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ due: { inMs: 1_000 } }))
    const { woken } = await fallAsleep(scene, t, 500)

    for (let nth = 0; nth < 20; nth++) await scene.insert(aJob({ due: { inMs: 1_000 + nth } }))
    await scene.env.advance(500)

    assert.equal(await woken, 'time')
  })

  test('a turn and upkeep say when the next job expires', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ held: true, expires: { inMs: 5_000 } }),
      aJob({ queue: 'other', expires: { inMs: 7_000 } }),
    )
    await scene.env.advance(1_000)

    assert.equal((await scene.turn(worker)).nextDueMs, 4_000)
    await scene.env.advance(4_000)
    assert.equal((await scene.store.upkeep()).nextDueMs, 2_000)
  })

  test('a ready job that has a token and nobody takes does not hide what is due later', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const rate = { name: 'rate', tokens: 2, perMs: 10_000 }
    await scene.insert(...jobs(['a', 'b'], { queue: 'other', rate }), aJob({ due: { inMs: 3_000 } }))

    assert.equal((await scene.turn(worker)).nextDueMs, 3_000)
    assert.equal((await scene.store.upkeep()).nextDueMs, 3_000)
  })

  test('nor does one whose token has come meanwhile', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const rate = { name: 'rate', tokens: 1, perMs: 1_000 }
    await scene.insert(...jobs(['a', 'b', 'c'], { queue: 'other', rate }), aJob({ due: { inMs: 3_000 } }))
    await scene.claim(worker, { queues: ['other'] })
    assert.equal((await scene.turn(worker)).nextDueMs, 1_000)

    await scene.env.advance(1_500)

    assert.equal((await scene.turn(worker)).nextDueMs, 1_500)
    assert.equal((await scene.store.upkeep()).nextDueMs, 1_500)
  })
}

/** A worker that has taken its last turn and sleeps. What comes back is asleep already. */
async function fallAsleep(scene: Scene, t: TestContext, ms = 600_000) {
  const abort = new AbortController()
  t.after(() => abort.abort())
  const worker = await scene.join({ leaseMs: 600_000 })
  await scene.turn(worker, { park: true })
  const woken: Promise<WaitResult> = scene.store.wait(worker, ['default'], ms, abort.signal)
  await scene.env.idle()
  return { worker, woken }
}
