import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, retryIn, sleepFor, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const rate = { name: 'rate', tokens: 1, perMs: 60_000 }
const lane = { name: 'lane', slots: 1 }

interface Wait {
  /** Of its first job, which then has nothing left to wait for; `meanwhile` while it waits, or where it does not, afterwards. */
  readonly wait: (scene: Scene, worker: string, meanwhile?: () => Promise<unknown>) => Promise<unknown>
  /** Whether it stands where it stood before, or where it came to stand when it fell asleep. */
  readonly keepsPlace: boolean
}

const waits: Record<string, Wait> = {
  'for its time': {
    wait: async (scene, worker, meanwhile) => {
      await scene.run(worker, sleepFor(1_000))
      await meanwhile?.()
      await scene.pass(1_000)
    },
    keepsPlace: false,
  },
  'for another job': {
    wait: async (scene, worker, meanwhile) => {
      await scene.run(worker, waitOn('child'))
      await meanwhile?.()
      const [child] = await scene.claim(worker, { queues: ['elsewhere'] })
      await scene.settle(worker, child!, failed)
    },
    keepsPlace: true,
  },
  'for nothing': {
    wait: async (scene, worker, meanwhile) => {
      await scene.run(worker, sleepFor(0))
      await meanwhile?.()
    },
    keepsPlace: false,
  },
}

export function goingOn(harness: StoreHarness): void {
  for (const [how, { wait, keepsPlace }] of Object.entries(waits)) {
    const scene = async (t: Parameters<typeof setScene>[1], ...more: Parameters<Scene['insert']>) => {
      const set = await setScene(harness, t)
      await set.insert(aJob({ id: 'child', queue: 'elsewhere' }), ...more)
      return { scene: set, worker: await set.join() }
    }

    const where = keepsPlace ? 'where it stood' : 'behind those that stood there before'

    test(`a job that has waited ${how} goes on ${where}, and before those that came later`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b', 'c']))

      await wait(set, worker, () => set.insert(aJob({ id: 'd' })))

      assert.deepEqual(await set.claimedIds(worker), keepsPlace ? ['a', 'b', 'c', 'd'] : ['b', 'c', 'a', 'd'])
    })

    test(`a job that has waited ${how} goes on without another token of its rate`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b'], { rate }))

      await wait(set, worker)

      assert.deepEqual(await set.claimedIds(worker), ['a'])
    })

    test(`a job that has waited ${how} goes on while its rate is closed`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b'], { rate: { ...rate, tokens: 9 } }))

      await wait(set, worker)
      const claimed = await set.claim(worker)
      const [a, b] = ['a', 'b'].map((id) => claimed.find((job) => job.id === id)!)
      await set.settle(worker, b!, succeeded, { closesRateMs: 60_000 })
      await set.settle(worker, a!, sleepFor(0))

      assert.deepEqual(await set.claimedIds(worker), ['a'])
    })

    test(`a job that has waited ${how} goes on in its lane ${where}, and before those that came later`, async (t) => {
      const { scene: set, worker } = await scene(t, ...jobs(['a', 'b', 'c'], { lane }))

      await wait(set, worker, () => set.insert(aJob({ id: 'd', lane })))

      const order: string[] = []
      for (let runs = 0; runs < 4; runs++) order.push((await set.run(worker, succeeded)).id)
      // The lane has let the next one out while it waited.
      assert.deepEqual(order, keepsPlace ? ['b', 'a', 'c', 'd'] : ['b', 'c', 'a', 'd'])
    })

    test(`the next attempt of a job that has waited ${how} begins anew: at the end of the line, and with a token`, async (t) => {
      const { scene: set, worker } = await scene(t, aJob({ id: 'a', rate: { ...rate, tokens: 2 } }))
      await wait(set, worker, () => set.insert(aJob({ id: 'b' })))
      assert.equal((await set.run(worker, retryIn(0))).id, 'a')
      assert.equal((await set.run(worker, succeeded)).id, 'b')

      await set.run(worker, retryIn(0))

      assert.deepEqual(await set.claimedIds(worker), [])
    })
  }

  test('jobs that sleep again and again let those run that came after them', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    const order: string[] = []
    const sleeps = async () => {
      order.push((await scene.run(worker, sleepFor(1_000))).id)
      await scene.pass(1_000)
    }

    await sleeps()
    await scene.insert(aJob({ id: 'later' }))
    for (let times = 0; times < 3; times++) await sleeps()

    assert.deepEqual(order, ['a', 'b', 'a', 'later'])
  })

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
}
