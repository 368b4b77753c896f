import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptForWaiters } from '../../src/move/kept.ts'
import { slices } from '../../src/move/slices.ts'
import type { MovingJob } from '../../src/store/moving.ts'

const day = 24 * 3_600_000

function aMovingJob(fields: Partial<MovingJob> = {}, bytes = 0): MovingJob {
  const asked = { task: 'work', queue: 'default', rank: 2, keepSucceededMs: 60_000, keepFailedMs: 60_000 } as const
  const job = { ...asked, input: JSON.stringify('x'.repeat(bytes)) }
  const past = { createdAt: 0, attempts: 0, crashes: 0, history: [], log: [], members: [] }
  return { id: 'a', ticket: 't', job, state: 'ready', ...past, ...fields }
}

const sizes = (jobs: readonly MovingJob[], jobsPerCall: number, bytesPerCall: number) =>
  [...slices(jobs, { jobsPerCall, bytesPerCall })].map(({ length }) => length)

test('a slice holds no more jobs and bytes than a call may carry', () => {
  const small = Array.from({ length: 5 }, () => aMovingJob())
  const large = Array.from({ length: 3 }, () => aMovingJob({}, 1_000))

  assert.deepEqual(sizes(small, 2, 1_000_000), [2, 2, 1])
  assert.deepEqual(sizes(large, 10, 3_000), [2, 1])
  assert.deepEqual(sizes([], 2, 1_000), [])
})

test('a job that is larger than a call goes alone', () => {
  assert.deepEqual(sizes([aMovingJob(), aMovingJob({}, 9_000), aMovingJob()], 10, 1_000), [1, 1, 1])
})

test('a job that others wait for is kept for a week from now, in whole days', () => {
  const now = 100 * day
  const unfinished = keptForWaiters(aMovingJob({ awaited: true }), now)
  const old = keptForWaiters(aMovingJob({ awaited: true, state: 'succeeded', finishedAt: now - 2.5 * day }), now)

  assert.deepEqual([unfinished.job.keepSucceededMs, unfinished.job.keepFailedMs], [7 * day, 7 * day])
  assert.equal(old.job.keepSucceededMs, 10 * day)
})

test('a job that nobody waits for, or that is kept longer anyway, keeps its retention', () => {
  const job = { ...aMovingJob().job, keepSucceededMs: 30 * day, keepFailedMs: 30 * day }

  assert.equal(keptForWaiters(aMovingJob(), 0).job.keepSucceededMs, 60_000)
  assert.equal(keptForWaiters(aMovingJob({ awaited: true, job }), 0).job.keepSucceededMs, 30 * day)
})
