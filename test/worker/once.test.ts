/** Jobs with `delivery: 'once'` whose worker stops, on the memory engine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { started, until, untilAborted } from './worker-support.ts'

test('a job that must not run twice ends failed where its worker stops and it heeds that', async (t) => {
  const { errand, work } = started(t)
  let runs = 0
  const charge = errand.task('charge', { delivery: 'once' }, (_: void, job) => {
    runs++
    return untilAborted(job.signal)
  })
  const first = await work()
  const handle = await charge.enqueue()
  await until(() => runs === 1)

  await first.stop({ grace: 1 })
  await work()

  await assert.rejects(handle.result({ timeout: '10s' }), { code: 'JOB_FAILED', message: /must not run twice/ })
  assert.deepEqual([(await handle.info()).error?.code, runs], ['WORKER_STOPPING', 1])
})

test('so it does where its worker waits for it no longer', async (t) => {
  const { errand, work } = started(t)
  let runs = 0
  const go = Promise.withResolvers<void>()
  const charge = errand.task('charge', { delivery: 'once' }, () => {
    runs++
    return go.promise
  })
  const first = await work()
  const handle = await charge.enqueue()
  await until(() => runs === 1)

  await first.stop({ grace: 1, abandon: true })
  await work()

  await assert.rejects(handle.result({ timeout: '10s' }), { code: 'JOB_FAILED', message: /must not run twice/ })
  go.resolve()
  assert.equal(runs, 1)
})

test('one that was claimed and not begun runs elsewhere', async (t) => {
  const { errand, work } = started(t)
  const ran: number[] = []
  const charge = errand.task('charge', { delivery: 'once' }, (n: number, job) => {
    ran.push(n)
    return n === 1 ? untilAborted(job.signal) : n
  })
  const first = await work({ concurrency: 1 })
  await charge.enqueue(1)
  const other = await charge.enqueue(2)
  await until(() => ran.length === 1)

  await first.stop({ grace: 1 })
  await work()

  assert.equal(await other.result({ timeout: '10s' }), 2)
  assert.deepEqual(ran, [1, 2])
})

test('one that waits when its worker stops goes on elsewhere', async (t) => {
  const { errand, work } = started(t)
  let runs = 0
  const order = errand.task('order', { delivery: 'once' }, async (_: void, job) => {
    runs++
    await Promise.all([job.sleep('rest', 20), job.step('slow', () => untilAborted(job.signal).catch(() => 'done'))])
    return 'gone on'
  })
  const first = await work()
  const handle = await order.enqueue()
  await until(() => runs === 1)

  await first.stop({ grace: 1 })
  await work()

  assert.deepEqual([await handle.result({ timeout: '10s' }), runs], ['gone on', 2])
})
