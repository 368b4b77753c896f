import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, sleepFor, succeeded, waitOn } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const elsewhere = { queues: ['elsewhere'] }

/** Of a job that waits for others and for a time, whichever comes first. */
export function timedWaits(harness: StoreHarness): void {
  test('a job that waits for others and for a time goes on when the others have ended before', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x', 'y'], delayMs: 60_000 })
    const [x, y] = await scene.claim(worker, elsewhere)

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
    const [x, y] = await scene.claim(worker, elsewhere)
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

    await scene.run(worker, succeeded, {}, elsewhere)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('a job that waits for others and for a time is started at once by hand, and they wake it no more', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'x', queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x'], delayMs: 60_000 })

    await scene.store.change(['a'], { due: { inMs: 0 } })
    await scene.run(worker, sleepFor(60_000))
    await scene.run(worker, succeeded, {}, elsewhere)

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
    await to.run(there, succeeded, {}, elsewhere)
    assert.deepEqual(await to.claimedIds(there), ['a'])
    await to.pass(1_000)
    assert.deepEqual(await to.claimedIds(there), ['b'])
  })

  test('a job that waits for others and for a time shows how many it still waits for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    const shown = async () => {
      const { state, pending } = await scene.get('a')
      return [state, pending]
    }

    await scene.run(worker, { kind: 'wait', on: ['x', 'y'], delayMs: 1_000 })
    assert.deepEqual(await shown(), ['scheduled', 2])
    await scene.run(worker, succeeded, {}, elsewhere)
    assert.deepEqual(await shown(), ['scheduled', 1])
    await scene.pass(1_000)

    assert.deepEqual(await shown(), ['ready', undefined])
  })

  test('a job that sleeps shows none it waits for', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(await scene.join(), sleepFor(1_000))

    assert.equal('pending' in (await scene.get('a')), false)
  })

  test('a job that waits for others and for a time waits for that time alone once it was changed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'x', queue: 'elsewhere' }))
    await scene.run(worker, { kind: 'wait', on: ['x'], delayMs: 1_000 })

    await scene.store.change(['a'], { due: { inMs: 5_000 } })
    assert.equal((await scene.get('a')).pending, undefined)
    await scene.run(worker, succeeded, {}, elsewhere)
    await scene.pass(4_999)
    assert.equal(await scene.state('a'), 'scheduled')
    await scene.pass(1)

    const [a] = await scene.claim(worker)
    assert.deepEqual(
      a?.members?.map(({ id }) => id),
      ['x'],
    )
  })

  test('a job that waits for others and for a time goes on where it arrives, if they have ended before it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const worker = await from.join()
    await from.insert(aJob({ id: 'a', lane: { name: 'lane', slots: 1 } }), aJob({ id: 'x', queue: 'elsewhere' }))
    await from.run(worker, { kind: 'wait', on: ['x'], delayMs: 60_000 })
    const { jobs: first } = await crossing.source.take({ jobs: 1, bytes: 1 << 20 })
    assert.deepEqual(
      first.map(({ id }) => id),
      ['x'],
    )
    await crossing.destination.place(first)
    await crossing.source.drop(first)
    const there = await to.join()
    await to.run(there, succeeded, {}, elsewhere)

    await crossing.carry()

    const [a] = await to.claim(there)
    assert.deepEqual(
      a?.members?.map(({ id }) => id),
      ['x'],
    )
  })

  test('a job that waits for others and for a time, of whom some have ended before it arrives, waits for the rest', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const worker = await from.join()
    await from.insert(aJob({ id: 'a' }), ...jobs(['x', 'y'], { queue: 'elsewhere' }))
    await from.run(worker, { kind: 'wait', on: ['x', 'y'], delayMs: 60_000 })
    const { jobs: first } = await crossing.source.take({ jobs: 2, bytes: 1 << 20 })
    await crossing.destination.place(first)
    await crossing.source.drop(first)
    const there = await to.join()
    await to.run(there, succeeded, {}, elsewhere)

    await crossing.carry()

    assert.deepEqual([await to.state('a'), (await to.get('a')).pending], ['scheduled', 1])
    await to.run(there, succeeded, {}, elsewhere)
    assert.deepEqual(await to.claimedIds(there), ['a'])
  })

  test('a job that sleeps sleeps on where it arrives, though the jobs it has waited for have ended', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const worker = await from.join()
    await from.insert(aJob({ id: 'a' }), aJob({ id: 'x', queue: 'elsewhere' }))
    await from.run(worker, waitOn('x'))
    await from.run(worker, succeeded, {}, elsewhere)
    await from.run(worker, sleepFor(60_000))

    await crossing.carry()

    assert.deepEqual([await to.state('a'), await to.claimedIds(await to.join())], ['scheduled', []])
  })
}
