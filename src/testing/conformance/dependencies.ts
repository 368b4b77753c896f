import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, aSettlement, cancelled, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const after = (on: string[], otherwise: 'cancel' | 'run' = 'cancel') => ({ after: { on, otherwise } })

export function dependencies(harness: StoreHarness): void {
  test('a job waits until all it waits for have succeeded', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'join', ...after(['a', 'b']) }))
    assert.deepEqual([await scene.state('join'), (await scene.get('join')).pending], ['blocked', 2])

    await scene.run(worker, succeeded)
    assert.deepEqual([await scene.state('join'), (await scene.get('join')).pending], ['blocked', 1])
    await scene.run(worker, succeeded)

    assert.deepEqual(await scene.claimedIds(worker), ['join'])
  })

  test('what has become free by a settlement can be claimed in the same turn', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }))
    const [a] = await scene.claim(worker)

    const { claimed } = await scene.turn(worker, { settled: [aSettlement(a!, succeeded)] })

    assert.deepEqual(
      claimed.map(({ id }) => id),
      ['b'],
    )
  })

  test('a join fires once, however many workers settle its members at once', async (t) => {
    const scene = await setScene(harness, t)
    const members = Array.from({ length: 20 }, (_, n) => `m${n}`)
    await scene.insert(...jobs(members), aJob({ id: 'join', queue: 'joins', ...after(members) }))
    const workers = await Promise.all(members.map(() => scene.join()))
    const held = await Promise.all(workers.map((worker) => scene.claim(worker, { jobs: 1 })))

    await Promise.all(held.map(([job], n) => scene.settle(workers[n]!, job!, succeeded)))

    const claims = await Promise.all(workers.map((worker) => scene.claimedIds(worker, { queues: ['joins'] })))
    assert.deepEqual(claims.flat(), ['join'])
  })

  test('a claimed job brings what it waited for, in order', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']), aJob({ id: 'join', queue: 'joins', ...after(['c', 'a', 'b'], 'run') }))
    await scene.run(worker, { kind: 'succeeded', result: '"from a"' })
    await scene.run(worker, failed)
    await scene.run(worker, { kind: 'succeeded', result: null })

    const [job] = await scene.claim(worker, { queues: ['joins'] })

    const expected = [
      { index: 0, id: 'c', state: 'succeeded', result: null },
      { index: 1, id: 'a', state: 'succeeded', result: '"from a"' },
      { index: 2, id: 'b', state: 'failed', error: { name: 'Error', message: 'it broke' } },
    ]
    assert.deepEqual(job?.members, expected)
    assert.deepEqual((await scene.store.members('join')).members, expected)
  })

  test('a job without dependencies has no members', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    assert.deepEqual(await scene.store.members('a'), { members: [] })
    assert.deepEqual(await scene.store.members('nobody'), { members: [] })
  })

  test('members come in pages', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ slots: 1_000 })
    const ids = Array.from({ length: 700 }, (_, n) => `m${n}`)
    await scene.insert(...jobs(ids), aJob({ id: 'join', queue: 'joins', ...after(ids) }))
    for (let claimed = await scene.claim(worker, { jobs: 200 }); claimed.length > 0;) {
      const settled = claimed.map((job) => aSettlement(job, succeeded))
      claimed = [
        ...(await scene.turn(worker, { settled, room: [{ queues: ['default'], jobs: 200, bottomUp: 0 }] })).claimed,
      ]
    }

    const read: string[] = []
    let cursor: string | undefined
    do {
      const page = await scene.store.members('join', cursor)
      read.push(...page.members.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== undefined)

    assert.deepEqual(read, ids)
  })

  test('a job inserted after what it waits for is final does not wait', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(await scene.join(), succeeded)

    await scene.insert(aJob({ id: 'b', ...after(['a']) }))

    assert.equal(await scene.state('b'), 'ready')
  })

  test('waiting for a living job of another call is allowed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)

    await scene.insert(aJob({ id: 'b', ...after(['a']) }))

    assert.equal(await scene.state('b'), 'blocked')
  })

  test('waiting for a job that is not there is refused', async (t) => {
    const scene = await setScene(harness, t)

    const outcomes = await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a', 'nobody']) }))

    assert.deepEqual(outcomes, [
      { kind: 'refused', reason: 'companion' },
      { kind: 'refused', reason: 'unknown', other: 'nobody' },
    ])
    assert.deepEqual(await scene.store.get(['a', 'b']), [undefined, undefined])
  })

  test('a job cannot wait for itself or for a later one, so no call makes a circle', async (t) => {
    const scene = await setScene(harness, t)

    const [self] = await scene.insert(aJob({ id: 'a', ...after(['a']) }))
    const [later] = await scene.insert(aJob({ id: 'b', ...after(['c']) }), aJob({ id: 'c', ...after(['b']) }))

    assert.deepEqual([self?.kind, later?.kind], ['refused', 'refused'])
  })

  for (const [how, outcome] of Object.entries({ failed, cancelled })) {
    test(`a member that ends ${how} cancels its waiters, and theirs, with the reason`, async (t) => {
      const scene = await setScene(harness, t)
      await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }), aJob({ id: 'c', ...after(['b']) }))

      await scene.run(await scene.join(), outcome)
      await scene.upkeep()

      assert.deepEqual(await scene.states('b', 'c'), ['cancelled', 'cancelled'])
      assert.deepEqual([(await scene.get('b')).because, (await scene.get('c')).because], ['a', 'b'])
    })
  }

  test('a member that expires cancels its waiters', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', expires: { inMs: 10 } }), aJob({ id: 'b', ...after(['a']) }))

    await scene.pass(1_000)

    assert.deepEqual(await scene.states('a', 'b'), ['expired', 'cancelled'])
  })

  test('a waiter that runs otherwise is run whatever became of its members', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'join', ...after(['a', 'b'], 'run') }))

    await scene.run(worker, failed)
    await scene.store.cancel(['b'])
    await scene.upkeep()

    assert.equal(await scene.state('join'), 'ready')
  })

  test('a member that is tried again lets its waiters wait on', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }))

    await scene.run(await scene.join(), retryIn(1_000))

    assert.equal(await scene.state('b'), 'blocked')
  })

  test('a job inserted behind a failed one is cancelled at once', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))
    await scene.run(await scene.join(), failed)

    const outcomes = await scene.insert(
      aJob({ id: 'c', ...after(['b', 'a']) }),
      aJob({ id: 'd', ...after(['a'], 'run') }),
    )

    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['inserted', 'inserted'],
    )
    assert.deepEqual(await scene.states('c', 'd'), ['cancelled', 'ready'])
    assert.equal((await scene.get('c')).because, 'a')
  })

  test('retrying a member blocks exactly those again that were cancelled because of it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), ...jobs(['b', 'by hand'], after(['a'])), aJob({ id: 'c', ...after(['b']) }))
    await scene.store.cancel(['by hand'])
    await scene.run(worker, failed)
    await scene.upkeep()
    assert.deepEqual(await scene.states('b', 'c', 'by hand'), ['cancelled', 'cancelled', 'cancelled'])

    await scene.store.retry(['a'])
    await scene.upkeep()

    assert.deepEqual(await scene.states('a', 'b', 'c', 'by hand'), ['ready', 'blocked', 'blocked', 'cancelled'])
    assert.deepEqual([(await scene.get('b')).because, (await scene.get('b')).finishedAt], [undefined, undefined])
    for (const id of ['a', 'b', 'c']) assert.equal((await scene.run(worker, succeeded)).id, id)
  })

  test('a join with two failed members waits again only when both were retried', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'join', ...after(['a', 'b']) }))
    await scene.run(worker, failed)
    await scene.run(worker, failed)

    await scene.store.retry(['a'])
    await scene.upkeep()
    assert.deepEqual([await scene.state('join'), (await scene.get('join')).because], ['cancelled', 'b'])
    await scene.store.retry(['b'])
    await scene.upkeep()

    assert.deepEqual([await scene.state('join'), (await scene.get('join')).pending], ['blocked', 2])
  })

  test('a step retried by hand runs, whatever it waited for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }))
    await scene.run(worker, failed)
    await scene.upkeep()

    await scene.store.retry(['b'])

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('removing an unfinished member ends it for its waiters as a cancel would', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }), aJob({ id: 'c', ...after(['a'], 'run') }))

    await scene.store.remove(['a'])
    await scene.upkeep()

    assert.deepEqual(await scene.states('b', 'c'), ['cancelled', 'ready'])
    assert.equal((await scene.get('b')).because, 'a')
  })

  test('removing a finished member leaves its waiters as they are', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'join', ...after(['a', 'b']) }))
    await scene.run(worker, succeeded)

    await scene.store.remove(['a'])
    assert.equal((await scene.get('join')).pending, 1)
    await scene.run(worker, succeeded)

    const [join] = await scene.claim(worker)
    assert.deepEqual(
      join?.members?.map(({ index, id }) => [index, id]),
      [[1, 'b']],
    )
  })

  test('a job with a time and dependencies keeps to both', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'a' }),
      aJob({ id: 'b', due: { inMs: 5_000 }, ...after(['a']) }),
      aJob({ id: 'c', due: { inMs: 1_000 }, ...after(['a']) }),
    )
    assert.deepEqual(await scene.states('b', 'c'), ['blocked', 'blocked'])
    await scene.pass(2_000)
    assert.deepEqual(await scene.states('b', 'c'), ['blocked', 'blocked'])

    await scene.run(worker, succeeded)

    assert.deepEqual(await scene.states('b', 'c'), ['scheduled', 'ready'])
    await scene.pass(3_000)
    assert.equal(await scene.state('b'), 'ready')
  })

  test('a job that has become free stands at the end of its line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }), aJob({ id: 'c' }))

    await scene.run(worker, succeeded)

    assert.deepEqual(await scene.claimedIds(worker), ['c', 'b'])
  })

  test('a running job can give up its slot and wait for others', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'parent' }), ...jobs(['x', 'y'], { queue: 'children' }))

    await scene.run(worker, waitOn('x', 'y', 'nobody'))

    const parent = await scene.get('parent')
    assert.deepEqual([parent.state, parent.pending, parent.attempt], ['blocked', 2, 0])
    for (const [job, outcome] of [
      ['x', succeeded],
      ['y', failed],
    ] as const) {
      const [child] = await scene.claim(worker, { queues: ['children'], jobs: 1 })
      assert.equal(child?.id, job)
      await scene.settle(worker, child!, outcome)
    }
    const [again] = await scene.claim(worker)
    assert.deepEqual([again?.id, again?.attempt], ['parent', 1])
    assert.deepEqual(
      again?.members?.map(({ id, state }) => [id, state]),
      [
        ['x', 'succeeded'],
        ['y', 'failed'],
      ],
    )
  })

  test('waiting for what is final already is no wait', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'x' }))
    await scene.run(worker, succeeded)
    await scene.insert(...jobs(['parent', 'b']))

    await scene.run(worker, waitOn('x'))

    assert.deepEqual(await scene.claimedIds(worker), ['b', 'parent'])
  })

  test('a wide cascade is marked at once and spread in bounded portions', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const ids = Array.from({ length: 1_800 }, (_, n) => `w${n}`)
    await scene.insert(aJob({ id: 'a' }))
    for (let n = 0; n < 3; n++) await scene.insert(...jobs(ids.slice(n * 600, n * 600 + 600), after(['a'])))

    await scene.run(worker, failed)
    let calls = 0
    for (let more = true; more; calls++) {
      const result = await scene.store.upkeep({ spread: 400 })
      assert.ok(result.spread <= 400, `${result.spread} spread by one call`)
      more = result.more
    }

    const [counts] = await scene.store.counts()
    assert.deepEqual([counts?.states.cancelled, counts?.states.blocked], [1_800, 0])
  })
}
