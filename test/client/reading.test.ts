import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fatal, type JobEvent, type LogLine } from '../../src/index.ts'
import { started } from '../worker/worker-support.ts'

const minute = 60_000

test('every time that readers see is a Date', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', { retry: { attempts: 2, first: 1 } }, (_: void, job) => {
    job.log('trying')
    throw job.attempt < 2 ? new Error('busy') : new Fatal('never')
  })
  const stop = new AbortController()
  const told: JobEvent[] = []
  const lines: LogLine[] = []
  const listening = (async () => {
    for await (const news of errand.events({ signal: stop.signal })) if (news.kind === 'job') told.push(news.event)
  })()
  const began = Date.now()

  const job = await task.enqueue()
  const following = (async () => {
    for await (const { line } of job.updates()) if (line) lines.push(line)
  })()
  await work()
  await assert.rejects(job.result(), { code: 'JOB_FAILED' })
  await following
  stop.abort()
  await listening

  const { createdAt, startedAt, finishedAt } = await job.info()
  const counts = await errand.stats({ from: new Date(began - minute), to: new Date(began + minute) })
  const workers = await errand.workers()
  const times = [
    [createdAt, startedAt, finishedAt],
    (await job.log()).map(({ at }) => at),
    (await job.attempts()).map(({ at }) => at),
    lines.map(({ at }) => at),
    told.map(({ at }) => at),
    told.flatMap(({ line }) => line?.at ?? []),
    counts.map((count) => count.minute),
    workers.map((worker) => worker.startedAt),
  ]
  for (const some of times) {
    assert.ok(some.length > 0)
    for (const time of some) assert.ok(time instanceof Date && Math.abs(time.getTime() - began) <= minute, String(time))
  }
})

test('runs are counted by minute, task and outcome', async (t) => {
  const { errand, work } = started(t)
  const good = errand.task('good', () => {})
  const bad = errand.task('bad', { retry: false }, () => {
    throw new Error('no')
  })
  const from = new Date(Date.now() - minute)

  const jobs = [...(await good.enqueueMany([undefined, undefined])), await bad.enqueue()]
  await work()
  await Promise.allSettled(jobs.map((job) => job.result()))

  const counts = await errand.stats({ from, to: new Date(Date.now() + minute) })
  const sum = (task: string, outcome: string) =>
    counts.filter((each) => each.task === task && each.outcome === outcome).reduce((all, { count }) => all + count, 0)
  assert.deepEqual([sum('good', 'succeeded'), sum('bad', 'failed')], [2, 1])
})

test('runs are counted between two moments and nothing else', async (t) => {
  const { errand } = started(t)
  const from = new Date()

  await assert.rejects(errand.stats({ from, to: 'tomorrow' as never }), { code: 'INVALID_OPTION', message: /`to`/ })
  await assert.rejects(errand.stats({ from, until: from } as never), { code: 'UNKNOWN_OPTION' })
})

test('an app tells which of its tasks it handles, and where their jobs go', (t) => {
  const { errand } = started(t)
  errand.task('mail', { queue: 'post', redact: ['to'] }, () => {})
  errand.declare('resize')

  assert.deepEqual(errand.tasks, [
    { name: 'mail', queue: 'post', handled: true, redact: ['to'] },
    { name: 'resize', queue: 'default', handled: false, redact: [] },
  ])
})
