import { withinReach } from '../duration.ts'
import type { MovingJob } from '../store/moving.ts'

const moments = ['createdAt', 'dueAt', 'expiresAt', 'startedAt', 'finishedAt', 'cancelRequestedAt'] as const

/**
 * The job with its times brought to what a `Date` can say. Stores refuse others, but a row that somebody has written with a tool of
 * their own may bring one, and must not stop all those behind it.
 */
export function inReach(job: MovingJob): MovingJob {
  const beyond = moments.filter((name) => job[name] !== undefined && job[name] !== withinReach(job[name]))
  if (beyond.length === 0) return job

  return { ...job, ...Object.fromEntries(beyond.map((name) => [name, withinReach(job[name]!)])) }
}
