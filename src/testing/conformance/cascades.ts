import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, cancelled, failed, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const after = (on: string[], otherwise: 'cancel' | 'run' = 'cancel') => ({ after: { on, otherwise } })

export function cascades(harness: StoreHarness): void {
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

  test('a step that is blocked again keeps its own time', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', due: { inMs: 60_000 }, ...after(['a']) }))
    await scene.run(worker, failed)
    await scene.upkeep()

    await scene.store.retry(['a'])
    await scene.upkeep()
    await scene.run(worker, succeeded)

    assert.equal(await scene.state('b'), 'scheduled')
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

  test('a member that succeeds before all who waited for it heard of its retry lets every one of them go on', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const waiters = Array.from({ length: 1_100 }, (_, n) => `waiter-${n}`)
    await scene.insert(aJob({ id: 'a' }))
    for (let from = 0; from < waiters.length; from += 100) {
      await scene.insert(...waiters.slice(from, from + 100).map((id) => aJob({ id, queue: 'later', ...after(['a']) })))
    }
    await scene.insert(aJob({ id: 'last', queue: 'later', ...after([waiters.at(-1)!]) }))
    await scene.run(worker, failed)
    await scene.upkeep()

    await scene.store.retry(['a'])
    await scene.run(worker, succeeded)
    await scene.upkeep()

    const states = await Promise.all([0, 300, 700, 1_099].map((n) => scene.state(`waiter-${n}`)))
    assert.deepEqual(states, ['ready', 'ready', 'ready', 'ready'])
    assert.equal(await scene.state('last'), 'blocked')
    assert.equal((await scene.store.counts()).find(({ queue }) => queue === 'later')?.states.ready, 1_100)
  })

  test('a member retried and ended again at once cancels nobody for its first end, and everybody for a second', async (t) => {
    for (const outcome of [succeeded, failed]) {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      const waiters = Array.from({ length: 600 }, (_, n) => `waiter-${n}`)
      await scene.insert(aJob({ id: 'a' }))
      for (let from = 0; from < waiters.length; from += 100) {
        await scene.insert(
          ...waiters.slice(from, from + 100).map((id) => aJob({ id, queue: 'later', ...after(['a']) })),
        )
      }

      await scene.run(worker, failed)
      await scene.store.retry(['a'])
      await scene.run(worker, outcome)
      await scene.upkeep()

      const ends = outcome === succeeded ? 'ready' : 'cancelled'
      const counts = (await scene.store.counts()).find(({ queue }) => queue === 'later')
      assert.equal(counts?.states[ends], 600)
    }
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

  test('all waiters of a member that is removed hear of its end and whose it was, also when its id is used again', async (t) => {
    const scene = await setScene(harness, t)
    const ids = Array.from({ length: 1_100 }, (_, n) => `w${n}`)
    await scene.insert(aJob({ id: 'a' }))
    for (let n = 0; n < 1_100; n += 100) await scene.insert(...jobs(ids.slice(n, n + 100), after(['a'])))

    await scene.store.remove(['a'])
    await scene.insert(aJob({ id: 'a', input: '"another"' }))
    while ((await scene.store.upkeep()).more);

    const [counts] = await scene.store.counts()
    assert.deepEqual([counts?.states.cancelled, counts?.states.blocked, counts?.states.ready], [1_100, 0, 1])
    assert.equal((await scene.get('w1099')).because, 'a')
  })

  test('removing a member that succeeded lets all who have yet to hear of it go on', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const ids = Array.from({ length: 2_200 }, (_, n) => `w${n}`)
    await scene.insert(aJob({ id: 'a' }))
    for (let n = 0; n < 2_200; n += 100) {
      await scene.insert(...jobs(ids.slice(n, n + 100), { queue: 'later', ...after(['a']) }))
    }

    await scene.run(worker, succeeded)
    await scene.store.remove(['a'])
    while ((await scene.store.upkeep()).more);

    const later = (await scene.store.counts()).find(({ queue }) => queue === 'later')
    assert.deepEqual([later?.states.ready, later?.states.blocked], [2_200, 0])
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
