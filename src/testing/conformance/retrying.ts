import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function retrying(harness: StoreHarness): void {
  test('a failed job that is retried runs again, keeping id and history', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', input: '{"n":1}' }))
    await scene.run(worker, retryIn(0))
    await scene.run(worker, failed)

    const answers = await scene.store.retry(['a'])

    const job = await scene.get('a')
    assert.deepEqual(answers, ['retried'])
    assert.deepEqual(
      [job.state, job.attempt, job.error, job.finishedAt, job.startedAt],
      ['ready', 0, undefined, undefined, undefined],
    )
    assert.equal((await scene.store.history('a'))?.attempts.length, 2)
    const [claimed] = await scene.claim(worker)
    assert.deepEqual([claimed?.id, claimed?.input, claimed?.attempt], ['a', '{"n":1}', 1])
  })

  test('a job that succeeded, was cancelled or expired can be retried too', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'c', expires: { inMs: 10 } }))
    await scene.run(worker, succeeded)
    await scene.store.cancel(['b'])
    await scene.pass(1_000)
    assert.deepEqual(await scene.states('a', 'b', 'c'), ['succeeded', 'cancelled', 'expired'])

    const answers = await scene.store.retry(['a', 'b', 'c'])

    assert.deepEqual(answers, ['retried', 'retried', 'retried'])
    assert.equal((await scene.get('a')).result, undefined)
    assert.deepEqual(await scene.claimedIds(worker), ['a', 'b', 'c'])
  })

  test('a retried job stands at the end of its line', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    await scene.run(worker, failed)

    await scene.store.retry(['a'])

    assert.deepEqual(await scene.claimedIds(worker), ['b', 'a'])
  })

  test('what is not final is not retried', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['running', 'ready']), aJob({ id: 'scheduled', due: { inMs: 1_000 } }))
    await scene.claim(await scene.join(), { jobs: 1 })

    const answers = await scene.store.retry(['running', 'ready', 'scheduled', 'nobody'])

    assert.deepEqual(answers, ['not final', 'not final', 'not final', 'unknown'])
  })

  test('a retried job no longer expires', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', expires: { inMs: 500 } }))
    await scene.pass(1_000)

    await scene.store.retry(['a'])
    await scene.pass(1_000)

    assert.equal(await scene.state('a'), 'ready')
    assert.equal((await scene.get('a')).expiresAt, undefined)
  })

  test('a job retried after a cancel can succeed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    await scene.store.cancel(['a'])
    await scene.settle(worker, job!, succeeded)

    await scene.store.retry(['a'])
    const again = await scene.run(worker, succeeded)

    assert.equal(again.cancelRequested, undefined)
    const record = await scene.get('a')
    assert.deepEqual([record.state, record.cancelRequestedAt], ['succeeded', undefined])
  })

  test('a retried job is not pruned by the retention of its earlier end', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', keepFailedMs: 60_000 }))
    await scene.run(await scene.join(), failed)

    await scene.store.retry(['a'])
    await scene.pass(120_000)

    assert.equal(await scene.state('a'), 'ready')
  })
}
