import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { aJob, failed, jobs, succeeded } from './builders.ts'
import type { WaitResult } from '../../store/store.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const never = new AbortController().signal

export function waiting(harness: StoreHarness): void {
  const wakes: Record<
    string,
    { before?: (scene: Scene) => Promise<unknown>; then: (scene: Scene) => Promise<unknown> }
  > = {
    'an insert': { then: (scene) => scene.insert(aJob()) },
    'a promotion': {
      before: (scene) => scene.insert(aJob({ due: { inMs: 1_000 } })),
      then: (scene) => scene.pass(1_000),
    },
    'the end of what a job waits for': {
      before: (scene) =>
        scene.insert(aJob({ id: 'gate', held: true }), aJob({ after: { on: ['gate'], otherwise: 'run' } })),
      then: (scene) => scene.store.release([{ id: 'gate', result: null }]),
    },
    'a retry by hand': {
      before: async (scene) => {
        await scene.insert(aJob({ id: 'a' }))
        await scene.store.cancel(['a'])
      },
      then: (scene) => scene.store.retry(['a']),
    },
    'a change of time': {
      before: (scene) => scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } })),
      then: (scene) => scene.store.change(['a'], { due: { inMs: 0 } }),
    },
    'a tick of a schedule': {
      before: (scene) => scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: 5 }]),
      then: (scene) => scene.store.schedules.fire([{ name: 's', at: 5, nextAt: null, job: aJob() }]),
    },
    'the resuming of a queue': {
      before: async (scene) => {
        await scene.store.pause('default', true)
        await scene.insert(aJob())
      },
      then: (scene) => scene.store.pause('default', false),
    },
    'a free slot of a lane': {
      before: (scene) => scene.insert(...jobs(['a', 'b'], { lane: { name: 'lane', slots: 0 } })),
      then: (scene) => scene.store.limit('lane', { slots: 1 }),
    },
  }
  for (const [what, { before, then }] of Object.entries(wakes)) {
    test(`${what} wakes a sleeping worker`, async (t) => {
      const scene = await setScene(harness, t)
      await before?.(scene)
      const { woken } = await fallAsleep(scene, t)

      await then(scene)

      assert.equal(await woken, 'work')
    })
  }

  test('giving back wakes another worker', async (t) => {
    const scene = await setScene(harness, t)
    const holder = await scene.join()
    await scene.insert(aJob())
    const [job] = await scene.claim(holder)
    const { woken } = await fallAsleep(scene, t)

    await scene.giveBack(holder, job!)

    assert.equal(await woken, 'work')
  })

  test('a rescue wakes another worker', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob())
    await scene.claim(await scene.join())
    const { woken } = await fallAsleep(scene, t, 600_000)

    await scene.silence()

    assert.equal(await woken, 'work')
  })

  test('no wake-up is lost between the last turn and falling asleep', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.turn(worker, { park: true })
    await scene.insert(aJob())

    assert.equal(await scene.store.wait(worker, ['default'], 600_000, never), 'work')
  })

  test('work in other queues does not wake', async (t) => {
    const scene = await setScene(harness, t)
    const { woken } = await fallAsleep(scene, t, 5_000)

    await scene.insert(aJob({ queue: 'other' }))
    await scene.env.advance(5_000)

    assert.equal(await woken, 'time')
  })

  test('a sleeping worker wakes when its time is over', async (t) => {
    const scene = await setScene(harness, t)
    const { woken } = await fallAsleep(scene, t, 5_000)

    await scene.env.advance(5_000)

    assert.equal(await woken, 'time')
  })

  test('a sleeping worker wakes when its signal is aborted, and does not reject', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const abort = new AbortController()
    await scene.turn(worker, { park: true })
    const sleeping = scene.store.wait(worker, ['default'], 600_000, abort.signal)

    abort.abort()

    assert.equal(await sleeping, 'time')
    assert.equal(await scene.store.wait(worker, ['default'], 600_000, abort.signal), 'time')
  })

  test('a message and a cancel request wake their worker', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)

    await scene.turn(worker, { park: true, room: [] })
    const first = scene.store.wait(worker, ['default'], 600_000, never)
    await scene.env.idle()
    await scene.store.send(worker, { kind: 'quiet' })
    assert.equal(await first, 'control')
    await scene.turn(worker, { park: true, room: [] })
    const second = scene.store.wait(worker, ['default'], 600_000, never)
    await scene.env.idle()
    await scene.store.cancel(['a'])

    assert.equal(await second, 'control')
  })

  test('a message that came before falling asleep is not slept over', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.turn(worker, { park: true })
    await scene.store.send(worker, { kind: 'stop' })

    assert.equal(await scene.store.wait(worker, ['default'], 600_000, never), 'control')
  })

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

/** A worker that has taken its last turn and sleeps. What comes back is asleep already. */
async function fallAsleep(scene: Scene, t: TestContext, ms = 600_000): Promise<{ woken: Promise<WaitResult> }> {
  const abort = new AbortController()
  t.after(() => abort.abort())
  const worker = await scene.join({ leaseMs: 600_000 })
  await scene.turn(worker, { park: true })
  const woken = scene.store.wait(worker, ['default'], ms, abort.signal)
  await scene.env.idle()
  return { woken }
}
