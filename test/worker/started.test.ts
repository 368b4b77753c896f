/** A job whose handler was called has started, however its run ends: it does not expire, and has used the start of its rate. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { onEach } from './each-engine.ts'
import { until } from './worker-support.ts'

onEach('a job that sleeps past its expiry has not expired', async (open) => {
  const errand = open()
  const order = errand.task('order', async (_: void, job) => {
    await job.step('charge', () => 1)
    await job.sleep('cool off', '600ms')
    return 'sent'
  })
  await errand.worker().start()

  const job = await order.enqueue(undefined, { expires: '300ms' })

  assert.equal(await job.result({ timeout: '10s' }), 'sent')
})

onEach('a job that sleeps has used a start of its rate', async (open) => {
  const errand = open()
  const started: number[] = []
  const call = errand.task('call', { limit: { rate: '2/h' } }, async (n: number, job) => {
    started.push(n)
    await job.sleep('a while', '10m')
  })
  const jobs = await call.enqueueMany([1, 2, 3, 4])

  await errand.worker().start()
  await until(async () => (await jobs[1]!.state()) === 'scheduled')
  await pause(100)

  assert.deepEqual(started, [1, 2])
})

for (const abandon of [false, true]) {
  const how = abandon ? 'and does not end' : 'and heeds its signal'

  onEach(`a job whose worker stops ${how} has used its start and does not expire`, async (open) => {
    const errand = open()
    const started: number[] = []
    const never = Promise.withResolvers<void>()
    const call = errand.task('call', { limit: { rate: '1/h' } }, async (n: number, job) => {
      started.push(n)
      await (abandon ? never.promise : pause(60_000, undefined, { signal: job.signal }))
    })
    const [first] = await call.enqueueMany([1, 2], { expires: '1s' })

    const worker = await errand.worker().start()
    await until(() => started.length > 0)
    await worker.stop({ grace: 10, abandon })
    await pause(1_000)
    const again = await errand.worker().start()
    await pause(100)

    assert.deepEqual([started, await first!.state()], [[1], 'ready'])
    await again.stop()
    never.resolve()
  })
}

onEach('what a worker had not started when it stops may still expire', async (open) => {
  const errand = open()
  const finish = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const slow = errand.task('slow', () => (begun.resolve(), finish.promise))
  const jobs = await slow.enqueueMany([undefined, undefined, undefined], { expires: '2s' })

  const worker = await errand.worker({ concurrency: 1 }).start()
  await begun.promise
  const stopped = worker.stop()
  finish.resolve()
  await stopped
  await pause(2_000)
  await errand.worker().start()

  await until(async () => (await jobs[2]!.state()) === 'expired')
  assert.deepEqual(await Promise.all(jobs.map((job) => job.state())), ['succeeded', 'expired', 'expired'])
})

onEach('a sleep longer than `skipAfter` lets the next job of the line go', async (open) => {
  const errand = open()
  const done: string[] = []
  const order = { by: ({ key }: { key: string }) => key, skipAfter: '1s' } as const
  const sync = errand.task('sync', { order }, async ({ key, ms }: { key: string; ms: number }, job) => {
    if (ms > 0) await job.sleep('a while', ms)
    done.push(`${key}${ms}`)
  })
  const jobs = await sync.enqueueMany([
    { key: 'long', ms: 1_500 },
    { key: 'long', ms: 0 },
    { key: 'short', ms: 300 },
    { key: 'short', ms: 0 },
  ])

  await errand.worker().start()
  await Promise.all(jobs.map((job) => job.result({ timeout: '10s' })))

  assert.deepEqual(done, ['long0', 'short300', 'short0', 'long1500'])
})
