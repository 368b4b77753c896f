import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, anError, aSettlement, cancelled, failed, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function settling(harness: StoreHarness): void {
  test('a job that succeeded keeps its result', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(await scene.join(), succeeded)

    const job = await scene.get('a')
    assert.equal(job.state, 'succeeded')
    assert.equal(job.result, '{"done":true}')
    assert.equal(job.finishedAt, scene.env.now())
    assert.equal(job.attempt, 1)
    assert.equal(job.incarnation, undefined)
  })

  test('a result may be dropped', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(await scene.join(), { kind: 'succeeded', result: null })

    assert.equal((await scene.get('a')).result, null)
  })

  test('a job that failed keeps its error', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    const error = { name: 'TypeError', message: 'no ü', code: 'E', stack: 'at line 1' }

    await scene.run(await scene.join(), { kind: 'failed', error })

    const job = await scene.get('a')
    assert.equal(job.state, 'failed')
    assert.deepEqual(job.error, error)
    assert.equal(job.result, undefined)
  })

  test('a job that is to be tried again waits for its delay', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(worker, retryIn(5_000))

    const job = await scene.get('a')
    assert.equal(job.state, 'scheduled')
    assert.equal(job.dueAt, scene.env.now() + 5_000)
    assert.equal(job.attempt, 1)
    assert.deepEqual(job.error, anError)
    await scene.pass(5_000)
    assert.equal((await scene.claim(worker))[0]?.attempt, 2)
  })

  test('a retry without delay is ready at once, at the end of its line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))

    await scene.run(worker, retryIn(0))

    assert.deepEqual(await scene.claimedIds(worker), ['b', 'a'])
  })

  test('every failed attempt is kept, oldest first', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const began = scene.env.now()
    const error = (message: string) => ({ name: 'Error', message })

    await scene.run(worker, { kind: 'retry', error: error('first'), delayMs: 0 })
    await scene.env.advance(10)
    await scene.run(worker, { kind: 'failed', error: error('second') })

    const history = await scene.store.history('a')
    assert.deepEqual(history?.attempts, [
      { attempt: 1, at: began, error: error('first') },
      { attempt: 2, at: began + 10, error: error('second') },
    ])
  })

  test('success clears the error of an earlier attempt', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(worker, retryIn(0))
    await scene.run(worker, succeeded)

    const job = await scene.get('a')
    assert.equal(job.error, undefined)
    assert.equal(job.attempt, 2)
  })

  test('a handler may end its job as cancelled', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(await scene.join(), cancelled)

    assert.equal(await scene.state('a'), 'cancelled')
  })

  test('one turn settles, and hands over the next', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']))
    const held = await scene.claim(worker, { jobs: 2 })

    const next = await scene.turn(worker, {
      settled: [aSettlement(held[0]!, succeeded), aSettlement(held[1]!, failed)],
      room: [{ queues: ['default'], jobs: 2, bottomUp: 0 }],
    })

    assert.deepEqual(
      next.claimed.map(({ id }) => id),
      ['c'],
    )
    assert.deepEqual(await scene.states('a', 'b'), ['succeeded', 'failed'])
  })

  test('follow-ups are added with the success that asks for them', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    await scene.run(worker, succeeded, { followUps: jobs(['next', 'last']) })

    assert.deepEqual(await scene.claimedIds(worker), ['next', 'last'])
  })

  test('follow-ups of a run that did not succeed are dropped', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))

    await scene.run(worker, failed, { followUps: jobs(['x']) })
    await scene.run(worker, retryIn(1_000), { followUps: jobs(['y']) })

    assert.deepEqual(await scene.store.get(['x', 'y']), [undefined, undefined])
  })

  test('a follow-up that insert would refuse or keep out does not fail the settlement', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const unique = { key: 'k', scope: 'active', onConflict: 'keep' } as const
    await scene.insert(
      aJob({ id: 'a' }),
      aJob({ id: 'holder', queue: 'other', unique }),
      aJob({ id: 'there', queue: 'other' }),
    )
    const followUps = [
      aJob({ id: 'kept', unique }),
      aJob({ id: 'there', input: '"another"' }),
      aJob({ id: 'orphan', after: { on: ['nobody'], otherwise: 'run' } }),
      aJob({ id: 'fine' }),
    ]

    await scene.run(worker, succeeded, { followUps })

    assert.equal(await scene.state('a'), 'succeeded')
    assert.deepEqual(await scene.store.get(['kept', 'orphan']), [undefined, undefined])
    assert.equal(await scene.state('fine'), 'ready')
  })

  test('a follow-up may wait for one before it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const followUps = [aJob({ id: 'one' }), aJob({ id: 'two', after: { on: ['one', 'a'], otherwise: 'cancel' } })]

    await scene.run(worker, succeeded, { followUps })

    assert.deepEqual(await scene.states('one', 'two'), ['ready', 'blocked'])
    await scene.run(worker, succeeded)
    assert.equal(await scene.state('two'), 'ready')
  })

  test('what a task wants after success is enqueued by whoever makes it succeed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const onSucceeded = { task: 'then', queue: 'default', rank: 1, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await scene.insert(aJob({ id: 'a', input: '{"n":1}', onSucceeded, onFailed: { ...onSucceeded, task: 'else' } }))

    await scene.run(worker, succeeded)

    const [next] = await scene.claim(worker)
    assert.equal(next?.task, 'then')
    assert.equal(next?.rank, 1)
    assert.deepEqual(JSON.parse(next!.input), {
      id: 'a',
      task: 'work',
      state: 'succeeded',
      input: { n: 1 },
      result: { done: true },
    })
  })

  test('what a task wants after failure is enqueued with the error', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const onFailed = { task: 'else', queue: 'default', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await scene.insert(aJob({ id: 'a', input: '{"n":1}', onFailed }))

    await scene.run(worker, failed)

    const [next] = await scene.claim(worker)
    assert.deepEqual(JSON.parse(next!.input), {
      id: 'a',
      task: 'work',
      state: 'failed',
      input: { n: 1 },
      error: anError,
    })
  })

  test('a retry and a cancel enqueue nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const next = { task: 'next', queue: 'default', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await scene.insert(aJob({ id: 'a', onSucceeded: next, onFailed: next }))

    await scene.run(worker, retryIn(0))
    await scene.run(worker, cancelled)

    assert.equal((await scene.find()).length, 1)
  })

  test('a stale settlement writes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)
    await scene.giveBack(worker, first!)
    const [second] = await scene.claim(worker)

    const late = await scene.settle(worker, first!, succeeded, { followUps: jobs(['never']) })

    assert.deepEqual(late.stale, [{ id: 'a', claim: first!.claim }])
    assert.equal(await scene.state('a'), 'running')
    assert.deepEqual(await scene.store.get(['never']), [undefined])
    assert.deepEqual((await scene.settle(worker, second!, succeeded)).stale, [])
  })

  test('nobody settles what another incarnation holds', async (t) => {
    const scene = await setScene(harness, t)
    const [holder, other] = [await scene.join(), await scene.join()]
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(holder)

    const { stale } = await scene.settle(other, job!, succeeded)

    assert.equal(stale.length, 1)
    assert.equal(await scene.state('a'), 'running')
  })

  test('a settlement counts once, however often it is sent', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)

    const { stale } = await scene.turn(worker, {
      settled: [aSettlement(job!, retryIn(0)), aSettlement(job!, succeeded)],
      room: [],
    })
    const again = await scene.settle(worker, job!, succeeded)

    assert.deepEqual([stale.length, again.stale.length], [1, 1])
    assert.equal(await scene.state('a'), 'ready')
  })

  test('a settlement for a job that is not there is stale', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()

    const { stale } = await scene.turn(worker, {
      settled: [aSettlement({ id: 'nobody', claim: 1 }, succeeded)],
      room: [],
    })

    assert.deepEqual(stale, [{ id: 'nobody', claim: 1 }])
  })
}
