import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, anError, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function cancelling(harness: StoreHarness): void {
  test('a waiting job that is cancelled never starts (celery#818, #1246)', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(
      aJob({ id: 'ready' }),
      aJob({ id: 'scheduled', due: { inMs: 100 } }),
      aJob({ id: 'blocked', after: { on: ['ready'], otherwise: 'run' } }),
    )

    const answers = await scene.store.cancel(['blocked', 'scheduled', 'ready'])

    assert.deepEqual(answers, ['cancelled', 'cancelled', 'cancelled'])
    await scene.pass(1_000)
    assert.deepEqual(await scene.claimedIds(await scene.join()), [])
    assert.deepEqual(await scene.states('ready', 'scheduled', 'blocked'), ['cancelled', 'cancelled', 'cancelled'])
  })

  test('a cancelled job has no result, no error, and an end', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    await scene.store.cancel(['a'])

    const job = await scene.get('a')
    assert.deepEqual([job.result, job.error, job.finishedAt], [undefined, undefined, scene.env.now()])
  })

  test('the worker of a running job is told once, in its next turn', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)

    const answers = await scene.store.cancel(['a'])

    assert.deepEqual(answers, ['cancelling'])
    assert.deepEqual((await scene.turn(worker)).cancels, [{ id: 'a', claim: job!.claim }])
    assert.deepEqual((await scene.turn(worker)).cancels, [])
    assert.equal((await scene.get('a')).cancelRequestedAt, scene.env.now())
  })

  test('asking again to cancel changes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)
    await scene.store.cancel(['a'])
    const first = scene.env.now()
    await scene.env.advance(500)

    const answers = await scene.store.cancel(['a'])

    assert.deepEqual(answers, ['cancelling'])
    assert.equal((await scene.get('a')).cancelRequestedAt, first)
    assert.equal((await scene.turn(worker)).cancels.length, 1)
  })

  for (const [what, outcome] of Object.entries({
    success: succeeded,
    failure: failed,
    retry: retryIn(1_000),
    wait: waitOn('other'),
  })) {
    test(`once cancelling was asked for, a ${what} ends cancelled`, async (t) => {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      await scene.insert(aJob({ id: 'other', queue: 'elsewhere' }), aJob({ id: 'a' }))
      const [job] = await scene.claim(worker)
      await scene.store.cancel(['a'])

      const { stale } = await scene.settle(worker, job!, outcome, { followUps: jobs(['never']) })

      const record = await scene.get('a')
      assert.deepEqual(stale, [])
      assert.deepEqual([record.state, record.result], ['cancelled', undefined])
      assert.deepEqual(record.error, 'error' in outcome ? anError : undefined)
      assert.deepEqual(await scene.store.get(['never']), [undefined])
    })
  }

  test('a job whose cancel was asked for ends cancelled when it is given back', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    await scene.store.cancel(['a'])

    await scene.giveBack(worker, job!, 1_000)

    assert.equal(await scene.state('a'), 'cancelled')
  })

  test('a job whose cancel was asked for ends cancelled when its worker leaves (celery#8417)', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)
    await scene.store.cancel(['a'])

    await scene.store.leave(worker)

    assert.equal(await scene.state('a'), 'cancelled')
  })

  test('a job whose cancel was asked for ends cancelled when its worker goes silent', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', once: true }))
    await scene.claim(await scene.join())
    await scene.store.cancel(['a'])

    await scene.silence()

    assert.equal(await scene.state('a'), 'cancelled')
  })

  test('a cancelled job still tells when its cancel was asked for', async (t) => {
    const scene = await setScene(harness, t)
    const [one, two] = [await scene.join(), await scene.join()]
    await scene.insert(...jobs(['a', 'b', 'c']))
    const [[a], [b]] = [await scene.claim(one, { jobs: 1 }), await scene.claim(two, { jobs: 1 })]
    await scene.claim(await scene.join(), { jobs: 1 })
    const askedAt = scene.env.now()
    await scene.store.cancel(['a', 'b', 'c'])

    await scene.settle(one, a!, succeeded)
    await scene.giveBack(two, b!)
    await scene.silence()

    for (const id of ['a', 'b', 'c']) assert.equal((await scene.get(id)).cancelRequestedAt, askedAt, id)
  })

  test('a final job stays as it ended', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(await scene.join(), succeeded)

    const answers = await scene.store.cancel(['a'])

    assert.deepEqual(answers, ['final'])
    assert.equal(await scene.state('a'), 'succeeded')
  })

  test('cancelling answers for every id, known or not', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    assert.deepEqual(await scene.store.cancel(['nobody', 'a', 'a']), ['unknown', 'cancelled', 'final'])
    assert.deepEqual(await scene.store.cancel([]), [])
  })

  test('a job settled in the turn that would tell of its cancel needs no telling', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    await scene.store.cancel(['a'])

    const { cancels } = await scene.settle(worker, job!, succeeded)

    assert.deepEqual(cancels, [])
  })
}
