import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, retryIn, sleepFor, succeeded, waitOn } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const rate = { name: 'rate', tokens: 1, perMs: 60_000 }
const lane = { name: 'lane', slots: 1 }

/** Its first job has waited for a second, or for a job of another queue, and nothing is left to wait for. */
const waits: Record<string, (scene: Scene, worker: string) => Promise<void>> = {
  'for its time': async (scene, worker) => {
    await scene.run(worker, sleepFor(1_000))
    await scene.pass(1_000)
  },
  'for another job': async (scene, worker) => {
    await scene.run(worker, waitOn('child'))
    const [child] = await scene.claim(worker, { queues: ['elsewhere'] })
    await scene.settle(worker, child!, failed)
  },
  'for nothing': async (scene, worker) => {
    await scene.run(worker, sleepFor(0))
  },
}

export function goingOn(harness: StoreHarness): void {
  for (const [how, wait] of Object.entries(waits)) {
    const scene = async (t: Parameters<typeof setScene>[1], ...more: Parameters<Scene['insert']>) => {
      const set = await setScene(harness, t)
      await set.insert(aJob({ id: 'child', queue: 'elsewhere' }), ...more)
      return { scene: set, worker: await set.join() }
    }

    test(`a job that has waited ${how} goes on before those that came after it`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b', 'c']))

      await wait(set, worker)

      assert.deepEqual(await set.claimedIds(worker), ['a', 'b', 'c'])
    })

    test(`a job that has waited ${how} goes on without another token of its rate`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b'], { rate }))

      await wait(set, worker)

      assert.deepEqual(await set.claimedIds(worker), ['a'])
    })

    test(`a job that has waited ${how} goes on while its rate is closed`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b'], { rate: { ...rate, tokens: 9 } }))

      await wait(set, worker)
      const [a, b] = await set.claim(worker)
      await set.settle(worker, b!, succeeded, { closesRateMs: 60_000 })
      await set.settle(worker, a!, sleepFor(0))

      assert.deepEqual(await set.claimedIds(worker), ['a'])
    })

    test(`a job that has waited ${how} comes before the others of its lane`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b', 'c'], { lane }))

      await wait(set, worker)

      if (how !== 'for nothing') assert.equal((await set.run(worker, succeeded)).id, 'b')
      assert.equal((await set.run(worker, succeeded)).id, 'a')
    })

    test(`the next attempt of a job that has waited ${how} begins anew: at the end of the line, and with a token`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a'], { rate: { ...rate, tokens: 2 } }), aJob({ id: 'b' }))
      await wait(set, worker)
      await set.run(worker, retryIn(0))
      assert.equal((await set.run(worker, succeeded)).id, 'b')

      await set.run(worker, retryIn(0))

      assert.deepEqual(await set.claimedIds(worker), [])
    })
  }

  test('a job that sleeps is scheduled for the end of its sleep and counts no attempt', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const startedAt = scene.env.now()

    await scene.run(worker, sleepFor(1_500))

    const { state, dueAt, attempt, startedAt: since } = await scene.get('a')
    assert.deepEqual([state, dueAt, attempt, since], ['scheduled', startedAt + 1_500, 0, startedAt])
  })

  test('a job that sleeps can no longer expire', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', expires: { inMs: 500 } }))

    await scene.run(worker, sleepFor(2_000))
    await scene.pass(2_000)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job that sleeps and keeps its slot holds its lane, and lets others go where it does not', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { lane: { ...lane, ordered: true } }))

    await scene.run(worker, sleepFor(1_000), { keepsSlot: true })
    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.pass(1_000)
    assert.equal((await scene.run(worker, sleepFor(1_000))).id, 'a')

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('a job that goes on and is given back, or lost with its worker, still needs no token', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }))
    await scene.run(worker, sleepFor(0))
    const [a] = await scene.claim(worker)

    await scene.giveBack(worker, a!)
    assert.equal((await scene.crash()).id, 'a')

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a'])
  })

  test('a job that has waited and is retried by hand begins anew', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }))
    await scene.run(worker, sleepFor(0))
    await scene.run(worker, failed)

    await scene.store.retry(['a'])

    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.env.advance(60_000)
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('the rate of a job that goes on is shown as long as it has not ended', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', rate: { ...rate, perMs: 1_000 } }))
    const shown = async () => (await scene.store.listLimits({})).map(({ name, free }) => [name, free])

    await scene.run(worker, sleepFor(3_000))
    await scene.pass(3_000)
    assert.deepEqual(await shown(), [['rate', 1]])
    const [a] = await scene.claim(worker)
    await scene.upkeep()
    assert.deepEqual(await shown(), [['rate', 1]])
    await scene.settle(worker, a!, succeeded)

    assert.deepEqual(await shown(), [])
  })

  test('a job that waits for others and for a time goes on when the others have ended before', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x', 'y'], delayMs: 60_000 })
    const [x, y] = await scene.claim(worker, { queues: ['elsewhere'] })

    await scene.settle(worker, x!, succeeded)
    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.settle(worker, y!, failed)

    const [a] = await scene.claim(worker)
    assert.deepEqual(
      a?.members?.map(({ id, state }) => [id, state]),
      [
        ['x', 'succeeded'],
        ['y', 'failed'],
      ],
    )
  })

  test('a job that waits for others and for a time goes on when that comes first, and the others wake it no more', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x', 'y'], delayMs: 1_000 })
    const [x, y] = await scene.claim(worker, { queues: ['elsewhere'] })
    await scene.settle(worker, x!, succeeded)

    await scene.pass(1_000)
    const [a] = await scene.claim(worker)
    await scene.settle(worker, a!, sleepFor(1_000))
    await scene.settle(worker, y!, succeeded)

    assert.deepEqual(
      a?.members?.map(({ id }) => id),
      ['x'],
    )
    assert.deepEqual([await scene.state('a'), await scene.claimedIds(worker)], ['scheduled', []])
  })

  test('a job whose time came first can wait for the same jobs again', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'x', queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x'], delayMs: 1_000 })
    await scene.pass(1_000)
    await scene.run(worker, waitOn('x'))
    assert.equal(await scene.state('a'), 'blocked')

    await scene.run(worker, succeeded, {}, { queues: ['elsewhere'] })

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job that waits for others and for a time is started at once by hand, and they wake it no more', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'x', queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x'], delayMs: 60_000 })

    await scene.store.change(['a'], { due: { inMs: 0 } })
    await scene.run(worker, sleepFor(60_000))
    await scene.run(worker, succeeded, {}, { queues: ['elsewhere'] })

    assert.equal(await scene.state('a'), 'scheduled')
  })

  test('a job that waits for others and for a time waits for both in the store it is moved to', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const worker = await from.join()
    await from.insert(...jobs(['a', 'b']), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    await from.run(worker, { kind: 'wait', on: ['x'], delayMs: 60_000 })
    await from.run(worker, { kind: 'wait', on: ['y'], delayMs: 1_000 })

    await crossing.carry()

    const there = await to.join()
    await to.run(there, succeeded, {}, { queues: ['elsewhere'] })
    assert.deepEqual(await to.claimedIds(there), ['a'])
    await to.pass(1_000)
    assert.deepEqual(await to.claimedIds(there), ['b'])
  })
}
