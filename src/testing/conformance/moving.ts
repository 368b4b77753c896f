import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobRecord } from '../../store/store.ts'
import { aJob, anError, failed, jobs, retryIn, succeeded } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'

const hour = 3_600_000
const room = { jobs: 100, bytes: 1 << 20 }

export function moving(harness: StoreHarness): void {
  test('a job arrives whole: its state, its numbers, its history and its results', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(
      aJob({ id: 'retried', tags: ['a', 'b'], metadata: '{"user":7}', version: 3, redact: ['secret'], rank: 1 }),
    )
    await from.insert(aJob({ id: 'later', due: { inMs: hour }, expires: { inMs: 2 * hour }, once: true }))
    await from.insert(aJob({ id: 'held', held: true, rank: 0 }), aJob({ id: 'good' }), aJob({ id: 'bad', rank: 3 }))
    const worker = await from.join()
    const [retried] = await from.claim(worker, { jobs: 1 })
    await from.store.report(worker, [
      { kind: 'progress', claim: retried!, progress: { done: 1, of: 2 } },
      { kind: 'log', claim: retried!, line: { at: 5, level: 'info', message: 'half' } },
      { kind: 'step', claim: retried!, name: 'charge', result: '"paid"' },
    ])
    await from.settle(worker, retried!, retryIn(hour))
    await from.run(worker, succeeded)
    await from.run(worker, failed)
    const ids = ['retried', 'later', 'held', 'good', 'bad']
    const before = await from.store.get(ids)
    const histories = await Promise.all(ids.map((id) => from.store.history(id)))

    await to.env.advance(1_000)
    await crossing.carry()

    assert.deepEqual(await to.store.get(ids), before)
    assert.deepEqual(await Promise.all(ids.map((id) => to.store.history(id))), histories)
    assert.deepEqual(await from.store.get(ids), Array(5).fill('gone'))
    await to.pass(hour)
    const [again] = await to.claim(await to.join(), { jobs: 1 })
    assert.deepEqual([again!.id, again!.attempt, again!.steps], ['retried', 2, { charge: '"paid"' }])
  })

  test('a job is found by its indexed tag where it is', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const query = { tag: 'part-of:whole' }
    await from.insert(...jobs(['a', 'b'], { tags: ['part-of:whole'] }))
    await from.run(await from.join(), succeeded)
    const found = async () =>
      (await Promise.all([from, to].map((scene) => scene.find(query)))).map(({ length }) => length)

    await crossing.carry()
    const there = await found()
    await to.store.remove(['a'])
    await crossing.carryBack()

    assert.deepEqual(
      [there, await found()],
      [
        [0, 2],
        [1, 0],
      ],
    )
  })

  test('a taken job stands in the source as it was, and nothing there reaches it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from } = crossing
    await from.insert(aJob({ id: 'ready' }), aJob({ id: 'due', due: { inMs: 100 } }))
    await from.insert(aJob({ id: 'held', held: true }), aJob({ id: 'short', expires: { inMs: 100 } }))
    await from.insert(aJob({ id: 'old', rank: 0, keepSucceededMs: 0 }))
    await from.run(await from.join(), succeeded)
    const ids = ['ready', 'due', 'held', 'short', 'old']
    const [before, counted] = [await from.store.get(ids), await from.store.counts()]

    assert.equal((await crossing.take()).length, 5)
    await from.pass(120_000)

    assert.deepEqual(await from.claimedIds(await from.join()), [])
    assert.deepEqual(await from.store.change(ids, { rank: 0 }), Array(5).fill('unknown'))
    for (const command of ['cancel', 'retry', 'remove'] as const) {
      assert.deepEqual(await from.store[command](ids), Array(5).fill('unknown'), command)
    }
    assert.deepEqual(await from.store.release([{ id: 'held', result: null }]), ['unknown'])
    assert.deepEqual([await from.store.get(ids), await from.store.counts()], [before, counted])
  })

  test('what was taken is told again, in its order and with its tickets, until it is dropped', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    await from.insert(...jobs(['a', 'b', 'c']))
    const taken = await crossing.take()

    const other = harness.again ? (await harness.again(from.store, from.env)).moving : source
    assert.deepEqual(await other.leaving(room), taken)
    assert.deepEqual(await crossing.take(), [])
    assert.equal((await other.status()).leaving, 3)
    assert.equal((await from.store.inspect()).find(({ subject }) => subject === 'moving')?.verdict, 'warning')

    assert.equal(await other.drop(taken.slice(0, 2)), 2)
    assert.deepEqual(
      (await source.leaving(room)).map(({ id }) => id),
      ['c'],
    )
  })

  test('what has arrived under a ticket arrives no second time, whatever has become of it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, destination } = crossing
    await from.insert(...jobs(['run', 'removed', 'pruned'], { keepSucceededMs: 0 }))
    const taken = await crossing.take()
    await destination.place(taken)
    const worker = await to.join()
    await to.run(worker, failed)
    await to.store.remove(['removed'])
    await to.run(worker, succeeded)
    await to.pass(120_000)

    assert.deepEqual(await destination.place(taken), ['placed', 'placed', 'placed'])

    assert.deepEqual(await to.claimedIds(await to.join()), [])
    assert.equal(await to.state('run'), 'failed')
    assert.deepEqual(await to.store.get(['removed', 'pruned']), [undefined, 'gone'])
  })

  test('a job that is there already stays what it is, and an id of another job is a conflict', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, destination } = crossing
    await from.insert(...jobs(['same', 'other', 'third']))
    await to.insert(aJob({ id: 'same', rank: 0 }), aJob({ id: 'other', input: '{"else":1}' }))

    const answers = await destination.place(await crossing.take())

    assert.deepEqual(answers, ['there', 'conflict', 'placed'])
    assert.deepEqual([(await to.get('same')).rank, (await to.get('other')).input], [0, '{"else":1}'])
    assert.equal((await to.find()).length, 3)
  })

  test('only under its ticket is a job dropped or called back', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    await from.insert(aJob({ id: 'a' }))
    const [first] = await crossing.take()
    await source.stay([first!])
    const [second] = await crossing.take()

    assert.notEqual(second!.ticket, first!.ticket)
    assert.deepEqual([await source.drop([first!]), await source.stay([first!])], [0, 0])
    assert.equal((await source.leaving(room)).length, 1)
    assert.equal(await source.drop([second!]), 1)
  })

  test('a job called back stands where it stood', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    const lane = { name: 'one', slots: 1 }
    await from.insert(...jobs(['a', 'b']), aJob({ id: 'out', lane }), aJob({ id: 'parked', lane }))
    await from.insert(aJob({ id: 'due', due: { inMs: 5_000 } }), aJob({ id: 'short', expires: { inMs: 500 } }))
    const taken = await crossing.take()
    await from.insert(aJob({ id: 'c' }))

    assert.equal(await source.stay(taken), 6)
    await from.pass(1_000)

    const worker = await from.join()
    assert.deepEqual(await from.claimedIds(worker), ['a', 'b', 'out', 'c'])
    assert.deepEqual(await from.states('parked', 'due', 'short'), ['ready', 'scheduled', 'expired'])
    await from.pass(5_000)
    assert.deepEqual(await from.claimedIds(worker), ['due'])
  })

  test('ready jobs keep their order among themselves, behind those that stand there', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['a', 'b', 'c']), aJob({ id: 'urgent', rank: 0 }))
    const worker = await from.join()
    const [, a] = await from.claim(worker, { jobs: 2 })
    await from.settle(worker, a!, retryIn(0))
    await from.store.leave(worker)
    await to.insert(aJob({ id: 'there' }))

    await crossing.carry()

    assert.deepEqual(await to.claimedIds(await to.join()), ['urgent', 'there', 'b', 'c', 'a'])
  })

  test('a running job stays until its run has ended, and then goes', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['running', 'ready']))
    const worker = await from.join()
    const [running] = await from.claim(worker, { jobs: 1 })

    assert.deepEqual(await crossing.carry(), ['ready'])
    assert.deepEqual((await from.settle(worker, running!, succeeded)).stale, [])
    assert.deepEqual(await crossing.carry(), ['running'])

    assert.equal((await to.get('running')).result, '{"done":true}')
  })

  test('an id that was moved is gone for those that ask, and there for those that insert', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from } = crossing
    await from.insert(aJob({ id: 'a' }))
    const listener = await from.listen(t)
    const settled = from.store.settled(['a'], 60_000, new AbortController().signal)
    await from.env.idle()
    await crossing.carry()

    assert.deepEqual(await settled, [{ id: 'a', state: 'gone' }])
    assert.deepEqual(await listener.kinds(1), ['removed a'])
    assert.deepEqual(await from.insert(aJob({ id: 'a' })), [{ kind: 'exists' }])
    assert.deepEqual([await from.store.get(['a']), await from.find()], [['gone'], []])
    assert.deepEqual(await from.store.history('a'), undefined)
  })

  test('an arrival wakes who sleeps there', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'a' }))
    const worker = await to.join()
    await to.turn(worker, { park: true })
    const woken = to.store.wait(worker, ['default'], 60_000, new AbortController().signal)

    await crossing.carry()
    assert.equal(await woken, 'work')
    assert.deepEqual(await to.claimedIds(worker), ['a'])
  })

  test('expiry, retention and follow-ups go on by the times and wishes they bring', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const onFailed = { task: 'mourn', queue: 'default', rank: 2, keepSucceededMs: hour, keepFailedMs: hour } as const
    await from.insert(
      aJob({ id: 'old', keepSucceededMs: 60_000 }),
      aJob({ id: 'short', expires: { inMs: 90_000 }, onFailed }),
    )
    await from.run(await from.join(), succeeded)
    await from.pass(30_000)

    await crossing.carry()
    await to.pass(29_000)
    assert.deepEqual(await to.states('old', 'short'), ['succeeded', 'ready'])
    await to.pass(32_000)

    assert.deepEqual(
      (await to.store.get(['old', 'short'])).map((job) => (job as JobRecord).state ?? job),
      ['gone', 'expired'],
    )
    assert.deepEqual((await to.find({ tasks: ['mourn'] })).length, 1)
  })

  test('a suspect is still one, and is held alone', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['a', 'b']))
    for (let crashes = 0; crashes < 2; crashes++) {
      await from.claim(await from.join(), { jobs: 2 })
      await from.silence()
    }

    await crossing.carry()

    const [a] = await to.claim(await to.join())
    assert.deepEqual([a!.id, a!.crashes], ['a', 2])
    await to.silence()
    assert.deepEqual([(await to.get('a')).state, (await to.get('a')).error?.code], ['failed', 'WORKER_LOST'])
  })

  test('a failed job can be retried where it has arrived', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(aJob({ id: 'a' }))
    await from.run(await from.join(), failed)
    await crossing.carry()

    assert.deepEqual(await to.store.retry(['a']), ['retried'])
    assert.deepEqual(await to.claimedIds(await to.join()), ['a'])
    assert.deepEqual(
      (await to.store.history('a'))!.attempts.map(({ error }) => error),
      [anError],
    )
  })

  test('a page holds as many jobs and bytes as asked for, and at least one', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    await from.insert(...jobs(['a', 'b', 'c', 'd', 'e'], { input: JSON.stringify('x'.repeat(1_000)) }))

    const two = await source.take({ jobs: 2, bytes: 1 << 20 })
    const one = await source.take({ jobs: 100, bytes: 10 }, two.cursor)

    assert.deepEqual([two.jobs.length, one.jobs.length], [2, 1])
    assert.equal((await source.leaving({ jobs: 100, bytes: 10 })).length, 1)
    assert.equal((await source.take(room)).jobs.length, 2)
  })

  test('a store remembers where its jobs go until the last of them is dropped', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source, destination } = crossing
    const { identity } = await destination.status()
    const there = { identity, name: 'there' }
    assert.notEqual((await source.status()).identity, identity)

    assert.deepEqual(await source.begin(there), there)
    assert.deepEqual(await source.begin({ identity: 'another', name: 'elsewhere' }), there)
    await from.insert(aJob({ id: 'a' }))
    const taken = await crossing.take()
    assert.equal(await source.end(), false)
    assert.deepEqual((await source.status()).to, there)
    await source.drop(taken)

    assert.equal(await source.end(), true)
    assert.equal((await source.status()).to, undefined)
    assert.equal((await source.status()).identity, (await source.status()).identity)
  })
}
