import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function claiming(harness: StoreHarness): void {
  test('a job is claimed by one worker only', async (t) => {
    const scene = await setScene(harness, t)
    const [one, two] = [await scene.join(), await scene.join()]
    await scene.insert(aJob({ id: 'a' }))

    const claimed = await Promise.all([scene.claimedIds(one), scene.claimedIds(two)])

    assert.deepEqual(claimed.flat(), ['a'])
  })

  test('a claimed job comes with all that is needed to run it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'a', input: '{"n":1}', version: 2, metadata: '{"m":1}', redact: ['input.n'], rank: 1 }),
    )

    const [job] = await scene.claim(worker)

    const { claim, ...rest } = job!
    assert.ok(claim > 0)
    assert.deepEqual(rest, {
      id: 'a',
      task: 'work',
      queue: 'default',
      rank: 1,
      input: '{"n":1}',
      attempt: 1,
      crashes: 0,
      version: 2,
      metadata: '{"m":1}',
      redact: ['input.n'],
      createdAt: scene.env.now(),
    })
  })

  test('a claimed job is running, in the name of its incarnation', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.env.advance(50)

    await scene.claim(worker)

    const job = await scene.get('a')
    assert.equal(job.state, 'running')
    assert.equal(job.incarnation, worker)
    assert.equal(job.startedAt, scene.env.now())
    assert.equal(job.attempt, 1)
  })

  test('jobs are claimed in the order in which they were inserted', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))
    await scene.insert(...jobs(['c', 'd']))

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'b', 'c', 'd'])
  })

  test('no more jobs are claimed than there is room for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']))

    const first = await scene.turn(worker, { room: [{ queues: ['default'], jobs: 2, bottomUp: 0 }] })
    const second = await scene.turn(worker, { room: [{ queues: ['default'], jobs: 2, bottomUp: 0 }] })

    assert.deepEqual([first.claimed.length, first.more], [2, true])
    assert.deepEqual([second.claimed.length, second.more], [1, false])
  })

  test('no room claims nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob())

    assert.equal((await scene.turn(worker, { room: [] })).claimed.length, 0)
    assert.equal(
      (await scene.turn(worker, { room: [{ queues: ['default'], jobs: 0, bottomUp: 0 }] })).claimed.length,
      0,
    )
  })

  test('only the queues that were named are claimed from', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', queue: 'one' }), aJob({ id: 'b', queue: 'two' }))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { queues: ['two', 'unheard of'] }), ['b'])
  })

  test('of several queues in one room the earlier comes first', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', queue: 'low', rank: 0 }), aJob({ id: 'b', queue: 'high', rank: 3 }))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { queues: ['high', 'low'] }), ['b', 'a'])
  })

  test('each room has its own number of jobs', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b'], { queue: 'one' }), ...jobs(['c', 'd'], { queue: 'two' }))

    const { claimed } = await scene.turn(await scene.join(), {
      room: [
        { queues: ['one'], jobs: 1, bottomUp: 0 },
        { queues: ['two'], jobs: 5, bottomUp: 0 },
      ],
    })

    assert.deepEqual(
      claimed.map(({ id }) => id),
      ['a', 'c', 'd'],
    )
  })

  test('claims of one job grow and are never used again', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const claims: number[] = []

    for (let round = 0; round < 3; round++) {
      const [job] = await scene.claim(worker)
      claims.push(job!.claim)
      if (round === 0) await scene.giveBack(worker, job!)
      else await scene.settle(worker, job!, retryIn(0))
    }

    assert.ok(claims[0]! < claims[1]! && claims[1]! < claims[2]!, claims.join())
  })

  test('a job claimed again after retry by hand has a claim of its own', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const first = await scene.run(worker, succeeded)

    await scene.store.retry(['a'])

    const [second] = await scene.claim(worker)
    assert.ok(second!.claim > first.claim)
  })

  test('an incarnation nobody has heard of is gone', async (t) => {
    const scene = await setScene(harness, t)

    const result = await scene.store.turn({ incarnation: 'nobody', settled: [], givenBack: [], room: [] })

    assert.deepEqual(result, { gone: true })
  })

  test('a turn says when the next scheduled job falls due', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    assert.equal((await scene.turn(worker)).nextDueMs, undefined)
    await scene.insert(aJob({ due: { inMs: 9_000 } }), aJob({ due: { inMs: 4_000 } }))

    await scene.env.advance(1_000)

    assert.equal((await scene.turn(worker)).nextDueMs, 3_000)
  })

  test('a scheduled job is promoted when it is due, to the end of its line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'later', due: { inMs: 1_000 } }), aJob({ id: 'now' }))
    await scene.upkeep()
    assert.deepEqual(await scene.states('later'), ['scheduled'])

    await scene.env.advance(1_000)
    const { promoted } = await scene.store.upkeep()

    assert.equal(promoted, 1)
    assert.deepEqual(await scene.claimedIds(worker), ['now', 'later'])
  })

  test('jobs are promoted in the order in which they fall due', async (t) => {
    const scene = await setScene(harness, t)
    const dues = { a: 300, b: 100, c: 200, d: 100 }
    await scene.insert(...Object.entries(dues).map(([id, inMs]) => aJob({ id, due: { inMs } })))

    await scene.pass(1_000)

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['b', 'd', 'c', 'a'])
  })
}
