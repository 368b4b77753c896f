/** What users of other systems ran into, by the numbers of their threads, as far as no other test is about just that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { chord, Errand, mapEach } from '../../src/index.ts'
import { onEach } from './each-engine.ts'

onEach(
  'a job that runs for longer than the lease is run once, whatever workers there are (celery#2599, #7009)',
  async (open) => {
    const [errand, other] = [open(), open()]
    const runs: string[] = []
    const define = (app: Errand, name: string) =>
      app.task('export', async () => {
        runs.push(name)
        await new Promise((resolve) => setTimeout(resolve, 2_500))
      })
    const task = define(errand, 'here')
    define(other, 'there')
    for (const app of [errand, other]) await app.worker({ lease: '1s', concurrency: 2 }).start()

    const job = await task.enqueue()
    await job.result({ timeout: '30s' })

    assert.equal(runs.length, 1)
    assert.equal((await job.info()).crashes, 0)
  },
)

test('a job that waits for hours is run once, when its time has come (celery#3270, kombu#337)', async (t) => {
  const env = new ManualEnv()
  const store = new MemoryStore({ env })
  const apps = [new Errand({ store, env }), new Errand({ store, env })]
  t.after(() => Promise.all(apps.map((app) => app.close())))
  let runs = 0
  const [task] = apps.map((app) => app.task('remind', () => void runs++))
  const workers = await Promise.all(apps.map((app) => app.worker().start()))
  const job = await task!.enqueue(undefined, { delay: '3h' })

  await env.advance(3 * 3_600_000 - 1)
  const before = runs
  await env.advance(10_000)

  assert.deepEqual([before, runs, await job.state()], [0, 1, 'succeeded'])
  await Promise.all(workers.map((worker) => worker.stop()))
})

onEach('jobs that are not due take nothing of a worker, and hold up nobody (celery#9849, #2541)', async (open) => {
  const errand = open()
  const task = errand.task('mail', (n: number) => n)
  await task.enqueueMany(
    Array.from({ length: 500 }, (_, n) => n),
    { delay: '1h', priority: 'urgent' },
  )
  await errand.worker({ concurrency: 1 }).start()

  const job = await task.enqueue(1)
  await job.result({ timeout: '30s' })

  const delayed = await errand.jobs({ state: 'scheduled', limit: 500 })
  assert.deepEqual(
    delayed.jobs.map(({ attempt, startedAt }) => [attempt, startedAt]),
    delayed.jobs.map(() => [0, undefined]),
  )
  assert.ok(delayed.jobs.length > 0)
})

test('asynchronous handlers run side by side in one process (celery#3884, #6552)', async (t) => {
  const errand = new Errand({ store: 'memory:' })
  t.after(() => errand.close())
  const all = Promise.withResolvers<void>()
  let running = 0
  const fetch = errand.task('fetch', async () => {
    if (++running === 50) all.resolve()
    await all.promise
  })
  await errand.worker({ concurrency: 50 }).start()

  const jobs = await fetch.enqueueMany(Array.from({ length: 50 }))

  await Promise.all(jobs.map((job) => job.result({ timeout: '30s' })))
  assert.equal(running, 50)
})

test('a chord whose member comes too late ends with it, and does not wait for ever (celery#5237)', async (t) => {
  const env = new ManualEnv()
  const errand = new Errand({ store: new MemoryStore({ env }), env })
  t.after(() => errand.close())
  const member = errand.task('member', { queue: 'nobody', expires: '10m' }, (n: number) => n)
  const sum = errand.task('sum', (all: number[]) => all.length)
  const flow = await errand.enqueue(chord(mapEach(member, [1, 2, 3]), sum))
  const worker = await errand.worker({ queues: ['default'] }).start()

  await env.advance(700_000)

  assert.deepEqual([await flow.state(), (await flow.graph()).state], ['cancelled', 'failed'])
  await assert.rejects(flow.result(), { code: 'JOB_FAILED', message: /not start|expired|in time/ })
  await worker.stop()
})

onEach('a job that failed for good is kept with its reason, and runs again by hand (celery#4797)', async (open) => {
  const errand = open()
  let broken = true
  const pay = errand.task('pay', { retry: false }, (n: number) => {
    if (broken) throw new Error(`no bank for ${n}`)
    return n
  })
  await errand.worker().start()
  const jobs = await pay.enqueueMany([1, 2])
  await Promise.allSettled(jobs.map((job) => job.result({ timeout: '30s' })))

  const dead = (await errand.jobs({ state: 'failed', task: 'pay' })).jobs
  broken = false
  await errand.retry({ state: 'failed', task: 'pay' })

  assert.deepEqual(dead.map(({ error }) => String(error?.message)).toSorted(), ['no bank for 1', 'no bank for 2'])
  assert.deepEqual(await Promise.all(jobs.map((job) => job.result({ timeout: '30s' }))), [1, 2])
})

test('the id of a job that has ended is free for another once it is removed, and a key at once (arq#432)', async (t) => {
  const errand = new Errand({ store: 'memory:' })
  t.after(() => errand.close())
  const sync = errand.task('sync', (n: number) => n)
  await errand.worker().start()
  const send = (options: object) => sync.enqueue(1, options)
  const [byId, byKey] = [await send({ id: 'sync-1' }), await send({ unique: 'sync-1' })]
  await Promise.all([byId.result(), byKey.result()])

  await byId.remove()
  const [again, keyed] = [await send({ id: 'sync-1' }), await send({ unique: 'sync-1' })]

  assert.deepEqual([await again.result(), keyed.deduplicated, keyed.id === byKey.id], [1, false, false])
})
