/** What becomes of an attempt that fails while the steps of its handler are under way, on the memory engine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chain, Errand } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { started, until } from './worker-support.ts'

const soon = { timeout: '10s' } as const
const never = () => new Promise<never>(() => {})

test('a handler that has thrown begins nothing more, and what it has begun ends', async (t) => {
  const { errand, store, work } = started(t)
  const begun: string[] = []
  const refused: unknown[] = []
  const underWay = Promise.withResolvers<void>()
  const charge = errand.task('charge', () => 1)
  const order = errand.task('order', { retry: { attempts: 2, first: 1 } }, async (_: void, job) => {
    if (job.attempt === 2) return job.step('prepare', () => 'anew')
    const rest = async () => {
      await job.step('prepare', async () => (await underWay.promise, 'prepared'))
      await Promise.allSettled([
        job.step('second', () => begun.push('second')),
        job.run('pay', chain(charge.with())),
        job.sleep('nap', 1),
      ]).then((all) => refused.push(...all.map((each) => (each as PromiseRejectedResult).reason as unknown)))
    }
    const fail = async () => {
      setImmediate(() => setImmediate(underWay.resolve))
      throw new Error('no credit')
    }
    await Promise.all([rest(), fail()])
  })
  await work()

  const result = await (await order.enqueue()).result(soon)

  assert.equal(result, 'prepared')
  assert.deepEqual(
    refused.map((error) => (error as { code?: string }).code),
    ['CLAIM_LOST', 'CLAIM_LOST', 'CLAIM_LOST'],
  )
  assert.deepEqual([begun, (await store.find({ tasks: ['charge'] })).jobs.length], [[], 0])
})

test('a step that hangs beside one that failed holds the attempt for some seconds, and is told to end', async () => {
  const env = new ManualEnv()
  const errand = new Errand({ env, store: new MemoryStore({ env }) })
  const signals: AbortSignal[] = []
  const order = errand.task('order', { retry: { attempts: 2, first: 10 } }, async (_: void, job) => {
    signals.push(job.signal)
    await Promise.all([job.step('call', never), Promise.reject(new Error('gave up'))])
  })
  const worker = await errand.worker().start()
  const handle = await order.enqueue()
  while (signals.length === 0) await env.advance(10)

  await env.advance(9_000)
  const before = [signals.length, signals[0]!.aborted]
  await env.advance(15_000)

  assert.deepEqual(before, [1, false])
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true],
  )
  assert.deepEqual([await handle.state(), (await handle.info()).error?.message], ['failed', 'gave up'])
  const stopped = worker.stop()
  await env.advance(1_000)
  await stopped
})

/** One whose handler has thrown while a step of it hangs. */
async function failedBesideAHangingStep(t: Parameters<typeof started>[0], timeout?: number) {
  const { errand, work } = started(t)
  let thrown = false
  const order = errand.task(
    'order',
    { retry: false, ...(timeout !== undefined && { timeout }) },
    async (_: void, job) => {
      void job.step('call', never)
      thrown = true
      throw new Error('no credit')
    },
  )
  const worker = await work()
  const handle = await order.enqueue()
  await until(() => thrown)

  return { handle, worker }
}

test('a step that hangs beside one that failed does not keep its job from being cancelled', async (t) => {
  const { handle } = await failedBesideAHangingStep(t)

  await handle.cancel()

  await assert.rejects(handle.result(soon), { code: 'JOB_CANCELLED' })
})

test('a timeout that comes while a failed attempt waits for a step leaves the error thrown first', async (t) => {
  const { handle } = await failedBesideAHangingStep(t, 100)

  await assert.rejects(handle.result(soon), { code: 'JOB_FAILED', message: 'no credit' })
})

test('a worker that stops meanwhile records the error thrown first', async (t) => {
  const { handle, worker } = await failedBesideAHangingStep(t)

  await worker.stop({ grace: 10 })

  assert.deepEqual([await handle.state(), (await handle.info()).error?.message], ['failed', 'no credit'])
})
