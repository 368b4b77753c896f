import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { JobCancelledError, JobFailedError } from '../../src/index.ts'
import { started, until } from '../worker/worker-support.ts'

test('an unknown id is an error and never "pending" (celery#4450, #3596)', async (t) => {
  const { errand } = started(t)
  const job = errand.job('0199aaaa-0000-7000-8000-000000000000')

  await assert.rejects(job.state(), { code: 'JOB_NOT_FOUND' })
  await assert.rejects(job.result({ timeout: '1s' }), { code: 'JOB_NOT_FOUND' })
  assert.equal(await job.cancel(), 'unknown')
})

test('a result is waited for no longer than its timeout, and the job goes on', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => sleep(30, 'done'))

  const job = await task.enqueue()
  await work()

  await assert.rejects(job.result({ timeout: 1 }), { code: 'RESULT_TIMEOUT' })
  assert.equal(await job.result(), 'done')
})

test('waiting for a result ends with its signal, and with the app', async (t) => {
  const { errand, another } = started(t)
  const task = errand.task('task', () => {})
  const job = await task.enqueue()
  const stop = new AbortController()
  const elsewhere = another()

  const signalled = job.result({ signal: stop.signal })
  const closed = elsewhere.job(job.id).result()
  stop.abort(new RangeError('enough'))

  await assert.rejects(signalled, RangeError)
  setImmediate(() => void elsewhere.close())
  await assert.rejects(closed, { code: 'STORE_CLOSED' })
})

test('a waiting job can be changed, promoted and cancelled; a final one retried and removed', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', (n: number) => n)
  const job = await task.enqueue(1, { delay: '1h' })

  assert.equal(await job.change({ priority: 'urgent', input: 2 }), 'changed')
  assert.deepEqual([(await job.info()).priority, await job.state()], ['urgent', 'scheduled'])
  assert.equal(await job.promote(), 'changed')
  await work()

  assert.equal(await job.result(), 2)
  assert.equal(await job.cancel(), 'final')
  assert.equal(await job.change({ priority: 'low' }), 'final')
  assert.equal(await job.retry(), 'retried')
  await until(async () => (await job.state()) === 'succeeded')
  assert.equal(await job.remove(), 'removed')
  await assert.rejects(job.state(), { code: 'JOB_NOT_FOUND' })
})

test('a changed input must fit the task, and an unknown change is refused by name', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', { input: z.object({ n: z.number() }) }, () => {})
  const job = await task.enqueue({ n: 1 }, { delay: '1h' })

  await assert.rejects(job.change({ input: { n: 'x' } }), { code: 'INVALID_INPUT' })
  await assert.rejects(errand.job(job.id).change({ input: {} }), { code: 'INVALID_INPUT' })
  await assert.rejects(job.change({ priorty: 'low' } as never), { message: /Did you mean "priority"\?/ })
  await assert.rejects(job.result({ timout: 5 } as never), { message: /Did you mean "timeout"\?/ })
  await assert.rejects(Array.fromAsync(errand.events({ task: 'x' } as never)), { message: /Did you mean "tasks"\?/ })
  assert.deepEqual((await job.info()).input, { n: 1 })
})

test('updates begin with how the job stands, follow it from another process, and end when it is final', async (t) => {
  const { errand, another, work } = started(t)
  const go = Promise.withResolvers<void>()
  const task = errand.task('task', async (_: void, job) => {
    await job.progress(1, { of: 2 })
    await go.promise
    job.log('nearly')
  })
  const job = await task.enqueue()
  const seen: string[] = []

  const watching = (async () => {
    for await (const update of another().job(job.id).updates()) {
      seen.push(
        update.kind === 'progress'
          ? `progress ${update.progress?.done}`
          : update.kind === 'log'
            ? update.line!.message
            : update.state,
      )
      if (update.kind === 'progress') go.resolve()
    }
  })()
  await until(() => seen.length === 1)
  await work()
  await watching

  assert.deepEqual(seen, ['ready', 'running', 'progress 1', 'nearly', 'succeeded'])
})

test('updates end when the job is removed', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', () => {})
  const job = await task.enqueue()
  const states: string[] = []

  for await (const update of job.updates()) {
    states.push(update.kind)
    if (states.length === 1) await job.remove()
  }

  assert.deepEqual(states, ['now', 'state'])
})

test('updates of a job that is not there are an error', async (t) => {
  const { errand } = started(t)

  await assert.rejects(Array.fromAsync(errand.job('nobody').updates()), { code: 'JOB_NOT_FOUND' })
})

test('jobs are found by state, task, queue, tag, time and a field of their input, newest first, page by page', async (t) => {
  const { errand } = started(t)
  const a = errand.task('a', (_: { user: { id: number } }) => {})
  const b = errand.task('b', { queue: 'other' }, () => {})
  const inputs = Array.from({ length: 5 }, (_, id) => ({ user: { id } }))
  const jobs = await a.enqueueMany(inputs, { tags: ['batch'] })
  const later = await b.enqueue(undefined, { delay: '1h' })
  const ids = async (query: Parameters<typeof errand.jobs>[0]) => (await errand.jobs(query)).jobs.map(({ id }) => id)

  assert.deepEqual(await ids({ state: 'scheduled' }), [later.id])
  assert.deepEqual(await ids({ queue: 'other' }), [later.id])
  assert.deepEqual(await ids({ task: ['b', 'c'] }), [later.id])
  assert.deepEqual(await ids({ tag: 'batch' }), jobs.map(({ id }) => id).toReversed())
  assert.deepEqual(await ids({ input: { 'user.id': 3 } }), [jobs[3]!.id])
  assert.deepEqual(await ids({ since: '1h', until: new Date(Date.now() - 3_600_000) }), [])

  const first = await errand.jobs({ task: 'a', limit: 3 })
  const rest = await errand.jobs({ task: 'a', limit: 3, cursor: first.cursor! })
  assert.deepEqual(
    [...first.jobs, ...rest.jobs].map(({ id }) => id),
    jobs.map(({ id }) => id).toReversed(),
  )
  await assert.rejects(errand.jobs({ stat: 'failed' } as never), { message: /Did you mean "state"\?/ })
  await assert.rejects(errand.jobs({ state: 'done' as never }), { code: 'INVALID_OPTION' })
})

test('everything a query finds can be cancelled, retried and removed, after a dry run (celery#4797)', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', (_: number) => {})
  await task.enqueueMany(Array.from({ length: 1200 }, (_, n) => n))

  assert.deepEqual(await errand.cancel({ task: 'task' }, { dryRun: true }), { matched: 1200, done: 0 })
  assert.deepEqual(await errand.cancel({ task: 'task' }), { matched: 1200, done: 1200 })
  assert.deepEqual(await errand.retry({ state: 'cancelled' }), { matched: 1200, done: 1200 })
  assert.deepEqual(await errand.remove({ task: 'task' }), { matched: 1200, done: 1200 })
  assert.deepEqual(await errand.jobs(), { jobs: [] })
})

test('a paused queue takes jobs and hands out none, and a purged one has none waiting', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => 'ran')
  const queue = errand.queue('default')
  await queue.pause()
  await work()

  const job = await task.enqueue()
  await assert.rejects(job.result({ timeout: 20 }), { code: 'RESULT_TIMEOUT' })
  assert.deepEqual([(await queue.info()).paused, (await queue.info()).states.ready], [true, 1])
  await queue.resume()
  assert.equal(await job.result(), 'ran')

  await queue.pause()
  await task.enqueueMany([undefined, undefined])
  assert.deepEqual(await queue.purge(), { matched: 2, done: 2 })
})

test('events tell what happens to jobs in all processes', async (t) => {
  const { errand, another, work } = started(t)
  const task = errand.task('task', { retry: { attempts: 2, first: 1 } }, (_: void, job) => {
    if (job.attempt === 1) throw new Error('first')
  })
  const kinds: string[] = []
  const listening = Promise.withResolvers<void>()
  const watching = (async () => {
    for await (const news of another().events({ tasks: ['task'] })) {
      listening.resolve()
      if (news.kind === 'job') kinds.push(news.event.kind)
      if (kinds.at(-1) === 'succeeded') return
    }
  })()

  await listening.promise
  await work()
  await task.enqueue()
  await watching

  assert.deepEqual(kinds, ['enqueued', 'started', 'retrying', 'ready', 'started', 'succeeded'])
})

test('listeners in this process hear what happened here, and one that throws harms nobody', async (t) => {
  const { errand, work } = started(t)
  const heard: string[] = []
  const troubles: string[] = []
  errand.on('error', ({ during }) => troubles.push(during))
  errand.on('succeeded', () => {
    throw new Error('broken listener')
  })
  const off = errand.on('succeeded', ({ task }) => heard.push(task))
  const task = errand.task('task', () => {})

  await work()
  await (await task.enqueue()).result()
  await until(() => heard.length === 1)
  off()
  await (await task.enqueue()).result()

  assert.deepEqual([heard.length, troubles[0]], [1, 'a listener of "succeeded"'])
})

test('who waits for a job that was cancelled because of another hears why', async (t) => {
  const { errand, work } = started(t)
  const broken = errand.task('broken', { retry: false }, () => {
    throw new RangeError('no disk')
  })
  const task = errand.task('task', () => 'ran')
  const first = await broken.enqueue()
  const last = await task.enqueue(undefined, { after: [await task.enqueue(undefined, { after: [first] })] })
  await work()

  const error = await last.result().catch((thrown: unknown) => thrown)

  assert.ok(error instanceof JobCancelledError && error.cause instanceof JobFailedError)
  assert.equal(error.cause.jobId, first.id)
  assert.match(error.message, new RegExp(`"${first.id}" had to succeed before it, and did not. no disk`))
})

test('a job cancelled by hand says no more than that', async (t) => {
  const { errand } = started(t)
  const job = await errand.task('task', () => 'ran').enqueue()
  await job.cancel()

  const error = await job.result().catch((thrown: unknown) => thrown)

  assert.ok(error instanceof JobCancelledError && error.cause === undefined)
  assert.match(error.message, /was cancelled, so it has no result\.$/)
})

test("tags of Errand's own are nobody else's to set", async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', () => 'ran')

  await assert.rejects(task.enqueue(undefined, { tags: ['part-of:x'] }), { code: 'INVALID_OPTION' })
  assert.throws(() => errand.task('other', { tags: ['part-of:x'] }, () => {}), { code: 'INVALID_OPTION' })
})
