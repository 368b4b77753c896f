import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Settlement } from '../../store/store.ts'
import { aJob, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const lane = { name: 'lane', slots: 1 }
const ordered = { name: 'lane', slots: 1, ordered: true } as const
const keeping: Partial<Settlement> = { keepsSlot: true }

export function holdingTheLine(harness: StoreHarness): void {
  test('a job that keeps its slot holds its lane until it is due, and then starts before the others', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { lane }))

    await scene.run(worker, retryIn(2_000), keeping)

    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.pass(2_000)
    assert.equal((await scene.run(worker, succeeded)).id, 'a')
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('a retry without delay that keeps its slot goes straight to the line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane }))

    await scene.run(worker, retryIn(0), keeping)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job that waits for others can keep its slot', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane }), aJob({ id: 'child', queue: 'elsewhere' }))
    await scene.run(worker, waitOn('child'), keeping)
    assert.deepEqual(await scene.claimedIds(worker), [])

    const [child] = await scene.claim(worker, { queues: ['elsewhere'] })
    await scene.settle(worker, child!, failed)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job with nothing to wait for that keeps its slot goes straight to the line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane }))

    await scene.run(worker, waitOn('nobody'), keeping)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('each settlement decides anew', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane }))
    await scene.run(worker, retryIn(1_000), keeping)
    await scene.pass(1_000)

    await scene.run(worker, retryIn(1_000))

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  const letGo: Record<string, (store: Awaited<ReturnType<typeof setScene>>['store']) => Promise<unknown>> = {
    cancelled: (store) => store.cancel(['a']),
    removed: (store) => store.remove(['a']),
    'put off': (store) => store.change(['a'], { due: { inMs: 60_000 } }),
  }
  for (const [how, act] of Object.entries(letGo)) {
    for (const [waiting, outcome] of Object.entries({ scheduled: retryIn(5_000), blocked: waitOn('other') })) {
      test(`a ${waiting} job that is ${how} lets go of its lane`, async (t) => {
        const scene = await setScene(harness, t)
        const worker = await scene.join()
        await scene.insert(...jobs(['a', 'b', 'c'], { lane }), aJob({ id: 'other', queue: 'elsewhere' }))
        await scene.run(worker, outcome, keeping)

        await act(scene.store)

        assert.deepEqual(await scene.claimedIds(worker), ['b'])
      })
    }
  }

  test('a job that holds its lane starts at once when it is changed to', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane }))
    await scene.run(worker, retryIn(60_000), keeping)

    await scene.store.change(['a'], { due: { inMs: 0 } })

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a slot that was kept is kept once', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], { lane: { name: 'lane', slots: 2 } }))
    await scene.run(worker, retryIn(1_000), keeping)
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
    await scene.pass(1_000)

    assert.equal((await scene.run(worker, failed)).id, 'a')

    assert.deepEqual(await scene.claimedIds(worker), ['c'])
  })

  test('keeping a slot means nothing without a lane', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(worker, retryIn(1_000), keeping)

    await scene.pass(1_000)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('an ordered lane lets its jobs out as they came, whatever their priority', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const of = (id: string, rank: 0 | 1 | 2 | 3) => aJob({ id, rank, lane: ordered })
    await scene.insert(of('a', 2), of('b', 3), of('c', 0), of('d', 1))
    const order: string[] = []

    for (let n = 0; n < 4; n++) order.push((await scene.run(worker, succeeded)).id)

    assert.deepEqual(order, ['a', 'b', 'c', 'd'])
  })

  test('among other jobs those of an ordered lane stand by their priority', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'plain' }), aJob({ id: 'urgent', rank: 0, lane: ordered }))

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['urgent', 'plain'])
  })

  test('a changed priority moves nobody within an ordered lane', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { lane: ordered }))

    await scene.store.change(['c'], { rank: 0 })
    await scene.store.cancel(['a'])

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('in an ordered lane nobody goes past a job that was given back for a while', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { lane: ordered }))
    const [a] = await scene.claim(worker)

    await scene.giveBack(worker, a!, 1_000)

    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.pass(1_000)
    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job that holds its lane holds it in the store it is moved to', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const worker = await from.join()
    await from.insert(...jobs(['a', 'b', 'c'], { lane: ordered }), aJob({ id: 'urgent', rank: 0, lane: ordered }))
    await from.run(worker, retryIn(2_000), keeping)

    await crossing.carry()

    const there = await to.join()
    assert.deepEqual(await to.claimedIds(there), [])
    await to.pass(2_000)
    const order: string[] = []
    for (let n = 0; n < 4; n++) order.push((await to.run(there, succeeded)).id)
    assert.deepEqual(order, ['a', 'b', 'c', 'urgent'])
  })

  test('a job that stays after all has kept its slot', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    const worker = await from.join()
    await from.insert(...jobs(['a', 'b', 'c'], { lane }))
    await from.run(worker, retryIn(2_000), keeping)
    const { jobs: taken } = await source.take({ jobs: 1, bytes: 1 << 20 })
    assert.deepEqual(
      taken.map(({ id }) => id),
      ['a'],
    )

    await source.stay(taken)
    assert.equal((await from.run(worker, succeeded)).id, 'b')

    assert.deepEqual(await from.claimedIds(worker), [])
    await from.pass(2_000)
    assert.deepEqual(await from.claimedIds(worker), ['a'])
  })
}
