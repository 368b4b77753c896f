import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, aSettlement, failed, jobs, succeeded, waitOn } from './builders.ts'
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

  test('a job that waited says so, also where nothing is left of what it waited for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'join', ...after(['a']) }), aJob({ id: 'alone' }))
    await scene.run(worker, succeeded)
    const [alone] = await scene.claim(worker, { jobs: 1 })
    await scene.run(worker, failed)
    await scene.store.remove(['a'])
    await scene.store.retry(['join'])

    const [join] = await scene.claim(worker)

    assert.deepEqual([alone?.id, alone?.members], ['alone', undefined])
    assert.deepEqual([join?.id, join?.members], ['join', []])
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

    assert.deepEqual(await scene.claimedIds(worker), ['parent', 'b'])
  })
}
