import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const lane = (slots: number, name = 'lane') => ({ lane: { name, slots } })

export function lanes(harness: StoreHarness): void {
  test('no more jobs of a lane run at once than it has slots', async (t) => {
    const scene = await setScene(harness, t)
    const [one, two] = [await scene.join(), await scene.join()]
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], lane(2)))

    const first = await scene.claim(one)
    assert.deepEqual(
      first.map(({ id }) => id),
      ['a', 'b'],
    )
    assert.deepEqual(await scene.claimedIds(two), [])
    await scene.settle(one, first[0]!, succeeded)

    assert.deepEqual(await scene.claimedIds(two), ['c'])
  })

  test('jobs parked in a lane read as ready and hold up nobody', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c'], lane(1)), aJob({ id: 'free' }))

    assert.deepEqual(await scene.states('a', 'b', 'c'), ['ready', 'ready', 'ready'])
    assert.equal((await scene.store.counts())[0]?.states.ready, 4)
    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'free'])
  })

  test('jobs leave a lane by priority, then in order', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], lane(1)), aJob({ id: 'urgent', rank: 0, ...lane(1) }))
    const order: string[] = []

    for (let n = 0; n < 4; n++) order.push((await scene.run(worker, succeeded)).id)

    assert.deepEqual(order, ['a', 'urgent', 'b', 'c'])
  })

  test('a lane spans queues and tasks', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'a', queue: 'one', ...lane(1) }),
      aJob({ id: 'b', queue: 'two', task: 'other', ...lane(1) }),
    )

    assert.deepEqual(await scene.claimedIds(worker, { queues: ['two', 'one'] }), ['a'])
  })

  test('lanes of different names do not meet', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b'], lane(1, 'x')), ...jobs(['c', 'd'], lane(1, 'y')))

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'c'])
  })

  for (const [how, outcome] of Object.entries({
    failed,
    'to be retried later': retryIn(1_000),
    waiting: waitOn('other'),
  })) {
    test(`a job that is ${how} hands its slot to the next`, async (t) => {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      await scene.insert(aJob({ id: 'other', queue: 'elsewhere' }), ...jobs(['a', 'b'], lane(1)))

      await scene.run(worker, outcome)

      assert.deepEqual(await scene.claimedIds(worker), ['b'])
    })
  }

  test('a retry without delay goes through the lane again', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], lane(1)))

    await scene.run(worker, retryIn(0))

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('jobs given back and rescued stay out of the lane', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], lane(1)))

    const [a] = await scene.claim(worker)
    await scene.giveBack(worker, a!)
    assert.deepEqual(await scene.claimedIds(worker), ['a'])
    await scene.silence()

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a'])
  })

  test('a job given back with a delay hands its slot to the next', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], lane(1)))

    const [a] = await scene.claim(worker)
    await scene.giveBack(worker, a!, 1_000)

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('cancelling, removing and putting off a job outside the lane lets the next one out', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], lane(1)))

    await scene.store.cancel(['a'])
    await scene.store.remove(['b'])
    await scene.store.change(['c'], { due: { inMs: 60_000 } })

    assert.deepEqual(await scene.claimedIds(worker), ['d'])
  })

  test('parked jobs can be cancelled, removed and changed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd', 'e'], lane(1)))

    await scene.store.cancel(['b'])
    await scene.store.remove(['c'])
    await scene.store.change(['e'], { rank: 0 })

    const order = [
      await scene.run(worker, succeeded),
      await scene.run(worker, succeeded),
      await scene.run(worker, succeeded),
    ]
    assert.deepEqual(
      order.map(({ id }) => id),
      ['a', 'e', 'd'],
    )
    assert.deepEqual(await scene.claimedIds(worker), [])
  })

  test('a parked job can expire', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', ...lane(1) }), aJob({ id: 'b', expires: { inMs: 500 }, ...lane(1) }))

    await scene.pass(1_000)

    assert.deepEqual(await scene.states('a', 'b'), ['ready', 'expired'])
  })

  test('the value given last holds for the whole lane', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], lane(1)))

    await scene.insert(aJob({ id: 'c', ...lane(3) }))

    assert.deepEqual(await scene.claimedIds(worker), ['a', 'b', 'c'])
  })

  test('raising a limit lets more out at once', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], lane(1)))

    await scene.store.limit('lane', { slots: 2 })

    assert.deepEqual(await scene.claimedIds(worker), ['a', 'b'])
  })

  test('lowering a limit takes nothing back and lets none out until it fits', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], lane(2)))
    const [a, b] = await scene.claim(worker)

    await scene.store.limit('lane', { slots: 1 })
    await scene.settle(worker, a!, succeeded)
    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.settle(worker, b!, succeeded)

    assert.deepEqual(await scene.claimedIds(worker), ['c'])
  })

  test('a scheduled or blocked job takes no slot', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'later', due: { inMs: 1_000 }, ...lane(1) }),
      aJob({ id: 'first', ...lane(1) }),
      aJob({ id: 'behind', ...lane(1), after: { on: ['first'], otherwise: 'run' } }),
    )

    assert.equal((await scene.run(worker, succeeded)).id, 'first')
    assert.equal((await scene.run(worker, succeeded)).id, 'behind')
    await scene.pass(1_000)
    assert.deepEqual(await scene.claimedIds(worker), ['later'])
  })

  test('a lane never leaks a slot, whatever befalls its jobs', async (t) => {
    const scene = await setScene(harness, t)
    const ids = Array.from({ length: 8 }, (_, n) => `j${n}`)
    await scene.insert(...jobs(ids, lane(2)))
    const worker = await scene.join()

    await scene.run(worker, succeeded)
    await scene.run(worker, failed)
    await scene.run(worker, retryIn(500))
    await scene.giveBack(worker, (await scene.claim(worker, { jobs: 1 }))[0]!)
    await scene.store.cancel(['j3'])
    await scene.crash()
    await scene.store.retry(['j0', 'j1'])
    await scene.pass(1_000)

    const last = await scene.join()
    let ran = 0
    for (let claimed = await scene.claim(last); claimed.length > 0; claimed = await scene.claim(last)) {
      assert.ok(claimed.length <= 2, `${claimed.length} at once`)
      for (const job of claimed) await scene.settle(last, job, succeeded)
      ran += claimed.length
    }
    assert.equal(ran, 7)
  })
}
