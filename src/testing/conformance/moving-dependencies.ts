import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobRecord } from '../../store/store.ts'
import { aJob, failed, jobs, succeeded, waitOn } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'

const hour = 3_600_000
const after = (on: string[], otherwise: 'cancel' | 'run' = 'cancel') => ({ after: { on, otherwise } })

export function movingDependencies(harness: StoreHarness): void {
  test('members leave before those that wait for them, in whatever state they are', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from } = crossing
    await from.insert(aJob({ id: 'done' }))
    await from.run(await from.join(), succeeded)
    await from.insert(aJob({ id: 'blocked', held: true }), aJob({ id: 'later', due: { inMs: 1_000 } }))
    await from.insert(aJob({ id: 'ready', ...after(['done']) }))
    await from.insert(aJob({ id: 'last', ...after(['ready', 'later', 'blocked']) }))

    const order = (await crossing.take()).map(({ id }) => id)

    const before = (one: string, other: string) =>
      assert.ok(order.indexOf(one) < order.indexOf(other), `${one} before ${other}: ${order.join()}`)
    before('done', 'ready')
    for (const member of ['ready', 'later', 'blocked']) before(member, 'last')
    assert.equal(order.length, 5)
  })

  test('a flow that was moved goes on as it would have, with the results of its members', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['one', 'two']), aJob({ id: 'join', ...after(['one', 'two']) }))
    await from.run(await from.join(), succeeded)

    await crossing.carry()

    assert.equal((await to.get('join')).pending, 1)
    const worker = await to.join()
    await to.run(worker, succeeded)
    const [join] = await to.claim(worker)
    assert.deepEqual(
      join!.members!.map(({ index, id, result }) => [index, id, result]),
      [
        [0, 'one', '{"done":true}'],
        [1, 'two', '{"done":true}'],
      ],
    )
  })

  test('what waits for a running job stays with it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(
      aJob({ id: 'running' }),
      aJob({ id: 'free' }),
      aJob({ id: 'join', ...after(['running', 'free']) }),
    )
    const worker = await from.join()
    const [running] = await from.claim(worker, { jobs: 1 })
    assert.deepEqual(await crossing.carry(), ['free'])

    await to.run(await to.join(), succeeded)
    await from.settle(worker, running!, succeeded)

    assert.deepEqual(await from.claimedIds(worker), [], 'one of its members is away')
    assert.deepEqual(await crossing.carry(), ['running', 'join'])
    assert.deepEqual(await to.claimedIds(await to.join()), ['join'])
  })

  for (const [end, otherwise, state] of [
    ['failed', 'cancel', 'cancelled'],
    ['failed', 'run', 'ready'],
    ['succeeded', 'cancel', 'ready'],
    ['removed', 'cancel', 'cancelled'],
    ['removed', 'run', 'ready'],
    ['pending', 'cancel', 'blocked'],
  ] as const) {
    test(`a waiter that comes when its member is ${end} there is ${state} (${otherwise})`, async (t) => {
      const crossing = await setCrossing(harness, t)
      const { from, to } = crossing
      await from.insert(aJob({ id: 'running' }), aJob({ id: 'member' }))
      await from.insert(aJob({ id: 'waiter', ...after(['member', 'running'], otherwise) }))
      const worker = await from.join()
      const [running] = await from.claim(worker, { jobs: 1 })
      await crossing.carry()
      if (end === 'removed') await to.store.remove(['member'])
      else if (end !== 'pending') await to.run(await to.join(), end === 'failed' ? failed : succeeded)

      await from.settle(worker, running!, succeeded)
      await crossing.carry()

      const waiter = await to.get('waiter')
      assert.deepEqual([waiter.state, waiter.because], [state, state === 'cancelled' ? 'member' : undefined])
    })
  }

  test('what waits for a job that was taken before goes when that one is dropped', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source, destination } = crossing
    await from.insert(aJob({ id: 'member' }), aJob({ id: 'waiter', ...after(['member']) }))
    const { jobs: taken } = await source.take({ jobs: 1, bytes: 1 << 20 })

    assert.deepEqual(await crossing.take(), [])
    await destination.place(taken)
    await source.drop(taken)

    assert.deepEqual(await crossing.carry(), ['waiter'])
  })

  test('jobs that wait for each other in a circle stay until one of them is ended', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'one' }))
    const worker = await from.join()
    const [one] = await from.claim(worker)
    await from.insert(aJob({ id: 'two', ...after(['one']) }))
    await from.settle(worker, one!, waitOn('two'))
    assert.deepEqual(await crossing.carry(), [])

    await from.store.cancel(['one'])

    assert.equal((await crossing.carry()).length, 2)
    assert.deepEqual(await to.states('one', 'two'), ['cancelled', 'cancelled'])
  })

  test('a job that is inserted after one that has left waits, and follows it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'member' }))
    await crossing.carry()
    await to.run(await to.join(), succeeded)

    assert.deepEqual(await from.insert(aJob({ id: 'waiter', ...after(['member']) })), [{ kind: 'inserted' }])
    assert.equal((await from.get('waiter')).pending, 1)
    await crossing.carry()

    const [waiter] = await to.claim(await to.join())
    assert.deepEqual([waiter!.id, waiter!.members!.map(({ id }) => id)], ['waiter', ['member']])
  })

  test('a job that is blocked again waits for its departed members too', async (t) => {
    const crossing = await setCrossing(harness, t)
    if (!crossing) return
    const { from } = crossing
    await from.insert(aJob({ id: 'running' }), aJob({ id: 'away' }))
    await from.insert(aJob({ id: 'waiter', ...after(['running', 'away']) }))
    const worker = await from.join()
    const [running] = await from.claim(worker, { jobs: 1 })
    assert.deepEqual(await crossing.carry(), ['away'])
    await from.settle(worker, running!, failed)
    assert.equal(await from.state('waiter'), 'cancelled')

    await from.store.retry(['running'])
    await from.run(worker, succeeded)

    assert.deepEqual([await from.state('waiter'), (await from.get('waiter')).pending], ['blocked', 1])
  })

  test('a run that waits for jobs which have left goes on where they are', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'parent' }))
    const worker = await from.join()
    const [parent] = await from.claim(worker)
    await from.insert(...jobs(['one', 'two']))
    await crossing.carry()
    await to.run(await to.join(), failed)

    await from.settle(worker, parent!, waitOn('one', 'two'))
    assert.equal((await from.get('parent')).pending, 2)
    await crossing.carry()

    assert.equal((await to.get('parent')).pending, 1)
    const there = await to.join()
    await to.run(there, succeeded)
    const [again] = await to.claim(there)
    assert.deepEqual([again!.id, again!.members!.map(({ state }) => state)], ['parent', ['failed', 'succeeded']])
  })

  test('a final job stays readable for those that still need it, and goes after them', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, source } = crossing
    await from.insert(aJob({ id: 'done' }), aJob({ id: 'waiter', ...after(['done']) }))
    const worker = await from.join()
    await from.run(worker, succeeded)
    const [waiter] = await from.claim(worker)

    assert.deepEqual(await crossing.carry(), ['done'])
    assert.equal(await from.state('done'), 'succeeded')
    assert.equal(await to.state('done'), 'succeeded')
    assert.deepEqual(await source.leaving({ jobs: 10, bytes: 1 << 20 }), [])
    await from.giveBack(worker, waiter!)
    const [again] = await from.claim(worker)
    assert.equal(again!.members![0]!.result, '{"done":true}')
    await from.settle(worker, again!, succeeded)
    assert.deepEqual(await crossing.carry(), ['waiter'])
    await crossing.carry()

    assert.deepEqual(await from.store.get(['done', 'waiter']), ['gone', 'gone'])
    assert.deepEqual(await to.states('done', 'waiter'), ['succeeded', 'succeeded'])
    assert.equal((await source.status()).leaving, 0)
  })

  test('when a move is called off, what was put aside is a final job like any other', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    await from.insert(aJob({ id: 'done' }), aJob({ id: 'waiter', ...after(['done']) }))
    const worker = await from.join()
    await from.run(worker, succeeded)
    const [waiter] = await from.claim(worker)
    await source.begin({ identity: 'there', name: 'there' })
    await crossing.carry()
    assert.deepEqual(await from.store.retry(['done']), ['unknown'])

    assert.equal(await source.end(), true)

    assert.deepEqual([(await source.status()).leaving, (await source.status()).to], [0, undefined])
    await from.settle(worker, waiter!, succeeded)
    await from.pass(hour + 120_000)
    assert.deepEqual(await from.store.get(['done', 'waiter']), ['gone', 'gone'])
  })

  test('a waiter finds its departed member however long it stays behind', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'member' }))
    await crossing.carry()
    await from.insert(aJob({ id: 'waiter', ...after(['member']) }))
    await from.env.advance(9 * 24 * hour)
    await from.upkeep()

    await crossing.carry()

    assert.deepEqual([await to.state('waiter'), (await to.get('waiter')).pending], ['blocked', 1])
  })

  test('a member that others wait for says so', async (t) => {
    const crossing = await setCrossing(harness, t)
    await crossing.from.insert(aJob({ id: 'member' }), aJob({ id: 'waiter', ...after(['member']) }))

    const taken = await crossing.take()

    assert.deepEqual(
      taken.map(({ id, awaited }) => [id, awaited]),
      [
        ['member', true],
        ['waiter', undefined],
      ],
    )
  })

  test('retrying a member there blocks again what was cancelled because of it, before or after it came', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, source, destination } = crossing
    await from.insert(aJob({ id: 'member' }), aJob({ id: 'early', ...after(['member']) }))
    await from.insert(aJob({ id: 'late', ...after(['member']) }))
    await from.run(await from.join(), failed)
    assert.deepEqual(await from.states('early', 'late'), ['cancelled', 'cancelled'])
    const taken = await crossing.take()
    await destination.place(taken.slice(0, 2))

    await to.store.retry(['member'])
    await destination.place(taken.slice(2))
    await source.drop(taken)

    assert.deepEqual(await to.states('member', 'early', 'late'), ['ready', 'blocked', 'blocked'])
    await to.run(await to.join(), succeeded)
    assert.deepEqual(await to.states('early', 'late'), ['ready', 'ready'])
  })

  test('a job that comes back ends the wait of those that stayed', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'running' }), aJob({ id: 'member' }))
    await from.insert(aJob({ id: 'waiter', ...after(['member', 'running']) }))
    const worker = await from.join()
    const [running] = await from.claim(worker, { jobs: 1 })
    await crossing.carry()
    await from.settle(worker, running!, succeeded)
    await to.run(await to.join(), succeeded)

    assert.deepEqual(await crossing.carryBack(), ['member'])

    assert.deepEqual(await from.states('member', 'waiter'), ['succeeded', 'ready'])
    assert.deepEqual(await to.store.get(['member']), ['gone'])
    const [waiter] = await from.claim(worker)
    assert.deepEqual(
      waiter!.members!.map(({ id }) => id),
      ['member', 'running'],
    )
    await from.settle(worker, waiter!, succeeded)
    assert.equal((await crossing.carry()).length, 3)
    assert.deepEqual(await to.states('member', 'waiter'), ['succeeded', 'succeeded'])
  })

  test('a final job stays until all its waiters have been told', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'member' }))
    const waiters = Array.from({ length: 700 }, (_, index) => `w${index}`)
    for (let at = 0; at < waiters.length; at += 100) {
      await from.insert(...jobs(waiters.slice(at, at + 100), after(['member'])))
    }
    await from.run(await from.join(), failed)

    await crossing.carry()
    await from.upkeep()
    await crossing.carry()

    const found = await to.find()
    assert.equal(found.filter(({ state }: JobRecord) => state === 'cancelled').length, 700)
    assert.deepEqual(new Set(found.map(({ because }) => because)), new Set([undefined, 'member']))
    assert.equal((await from.find()).length, 0)
  })
}
