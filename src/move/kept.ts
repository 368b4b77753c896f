import type { MovingJob } from '../store/moving.ts'

const dayMs = 24 * 3_600_000
/** How long one that others wait for is kept at least: they may come behind a job that runs for days. */
const leastDays = 7

/** The job with its retention made longer, if jobs wait for it that are still in the source. */
export function keptForWaiters(job: MovingJob, now: number): MovingJob {
  if (!job.awaited) return job

  // Whole days, since an engine keeps a list of the retentions that occur.
  const pastDays = job.finishedAt === undefined ? 0 : Math.ceil(Math.max(0, now - job.finishedAt) / dayMs)
  const leastMs = (pastDays + leastDays) * dayMs
  const { keepSucceededMs, keepFailedMs } = job.job
  return {
    ...job,
    job: {
      ...job.job,
      keepSucceededMs: Math.max(keepSucceededMs, leastMs),
      keepFailedMs: Math.max(keepFailedMs, leastMs),
    },
  }
}
