import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { aJob, jobs } from './builders.ts'
import type { WaitResult } from '../../store/store.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const never = new AbortController().signal

export function waiting(harness: StoreHarness): void {
  const wakes: Record<
    string,
    { before?: (scene: Scene) => Promise<unknown>; when: (scene: Scene) => Promise<unknown> }
  > = {
    'an insert': { when: (scene) => scene.insert(aJob()) },
    'a promotion': {
      before: (scene) => scene.insert(aJob({ due: { inMs: 1_000 } })),
      when: (scene) => scene.pass(1_000),
    },
    'the end of what a job waits for': {
      before: (scene) =>
        scene.insert(aJob({ id: 'gate', held: true }), aJob({ after: { on: ['gate'], otherwise: 'run' } })),
      when: (scene) => scene.store.release([{ id: 'gate', result: null }]),
    },
    'a retry by hand': {
      before: async (scene) => {
        await scene.insert(aJob({ id: 'a' }))
        await scene.store.cancel(['a'])
      },
      when: (scene) => scene.store.retry(['a']),
    },
    'a change of time': {
      before: (scene) => scene.insert(aJob({ id: 'a', due: { inMs: 60_000 } })),
      when: (scene) => scene.store.change(['a'], { due: { inMs: 0 } }),
    },
    'a tick of a schedule': {
      before: (scene) => scene.store.schedules.put([{ name: 's', rule: 'r', nextAt: 5 }]),
      when: (scene) => scene.store.schedules.fire([{ name: 's', at: 5, nextAt: null, job: aJob() }]),
    },
    'the resuming of a queue': {
      before: async (scene) => {
        await scene.store.pause('default', true)
        await scene.insert(aJob())
      },
      when: (scene) => scene.store.pause('default', false),
    },
    'a free slot of a lane': {
      before: (scene) => scene.insert(...jobs(['a', 'b'], { lane: { name: 'lane', slots: 0 } })),
      when: (scene) => scene.store.limit('lane', { slots: 1 }),
    },
  }
  for (const [what, { before, when }] of Object.entries(wakes)) {
    test(`${what} wakes a sleeping worker`, async (t) => {
      const scene = await setScene(harness, t)
      await before?.(scene)
      const { woken } = await fallAsleep(scene, t)

      await when(scene)

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
