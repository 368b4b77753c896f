/**
 * Lines: entering one through the lane, standing in it, leaving it.
 *
 * A lane's `used` changes only in the step that moves a job into or out of the ready lines, so the
 * jobs standing there or running are the set of slots, and no death of a process can leak one.
 */
import { isSuspect } from '../rules.ts'
import { gather, isGroup, leaveGathered, longAgo, look, loseLeader } from './groups.ts'
import { flag, type JobRow } from './job-row.ts'
import { isEasy, leaveThrottled, standThrottled } from './rates.ts'
import type { Step } from './step.ts'

/** What standing in a line needs to know of a job. */
export type Standing = Pick<
  JobRow,
  | 'seq'
  | 'queue'
  | 'rank'
  | 'lane'
  | 'rate'
  | 'flags'
  | 'place'
  | 'failures'
  | 'crashes'
  | 'started'
  | 'error'
  | 'goes_on'
>

/** More than its place has changed since it was added. */
const hasPast = ({ failures, crashes, started, error, goes_on: goesOn }: Standing): boolean =>
  failures + crashes + goesOn > 0 || started !== null || error !== null

/** Of which its next start takes a token. */
const rateOf = ({ rate, goes_on: goesOn }: Standing): number | null => (goesOn ? null : rate)

/** Towards being ready: through the lane if the job has one. */
export function enterLine(step: Step, job: Standing): void {
  if (job.lane === null) return stand(step, job)
  if (isGroup(job.lane)) return gather(step, { ...job, lane: job.lane }, step.now)

  // While others are parked there is a free slot only for a moment, and then it is the first one's.
  if (!step.sql.firstParked.get(job.lane) && Number(step.sql.takeSlot.run(job.lane).changes) > 0)
    return stand(step, job)
  step.sql.park.run(job.lane, parkedRank(job), job.place, job.seq)
  admit(step, job.lane)
}

/** An ordered lane lets its jobs out as they came. */
export const parkedRank = ({ flags, rank }: Pick<JobRow, 'flags' | 'rank'>): number =>
  flags & flag.ordered ? -1 : rank

/** Into the ready line; of suspects, of its rate if that is tight, or the plain one. */
export function stand(step: Step, job: Standing): void {
  const rate = rateOf(job)
  if (isSuspect(job)) step.sql.stand.run(-job.queue, job.rank, job.place, job.seq, 1)
  else if (rate !== null && !isEasy(step, rate)) standThrottled(step, job, rate)
  else {
    step.sql.stand.run(job.queue, job.rank, job.place, job.seq, hasPast(job) ? 1 : 0)
    if (rate !== null) step.countLined(rate, 1)
  }

  step.wokenQueues.add(job.queue)
}

/** Out of wherever a ready job stands. Its slot, if it has one, goes to the next of its lane. */
export function leaveLine(step: Step, job: Standing): void {
  step.flushReady()
  const { sql } = step
  if (isGroup(job.lane) && leaveGathered(step, { ...job, lane: job.lane })) return freeSlot(step, job.lane)
  if (job.lane !== null && Number(sql.leaveParked.run(job.lane, parkedRank(job), job.place).changes) > 0) return

  const rate = rateOf(job)
  if (isSuspect(job)) sql.leaveReady.run(-job.queue, job.rank, job.place)
  else if (Number(sql.leaveReady.run(job.queue, job.rank, job.place).changes) === 0) leaveThrottled(step, job)
  else if (rate !== null) step.countLined(rate, -1)
  if (isGroup(job.lane)) loseLeader(step, { seq: job.seq, lane: job.lane })
  freeSlot(step, job.lane)
}

/** A given-back or rescued job stands where it stood; into its lane it goes back only if that gathers. */
export function standAgain(step: Step, job: Standing): void {
  if (isGroup(job.lane)) gather(step, { ...job, lane: job.lane }, longAgo)
  else stand(step, job)
}

/** A job has left the ready line and its run for good or for a while. */
export function freeSlot(step: Step, lane: number | null): void {
  if (lane === null) return
  if (isGroup(lane)) return void look(step, lane)
  step.sql.handInSlot.run(lane)
  admit(step, lane)
}

/** A blocked job lets go of the slot that it has kept. */
export function dropBlockedSlot(step: Step, { seq, lane }: Pick<JobRow, 'seq' | 'lane'>): void {
  step.sql.setBlockedSlot.run(0, seq)
  freeSlot(step, lane)
}

/** Lets parked jobs out of the lane while it has slots. */
export function admit(step: Step, lane: number): void {
  const { sql } = step
  for (;;) {
    const first = sql.firstParked.get(lane) as { rank: number; place: number; seq: number } | undefined
    if (!first || Number(sql.takeSlot.run(lane).changes) === 0) return

    sql.leaveParked.run(lane, first.rank, first.place)
    stand(step, sql.jobBySeq.get(first.seq) as JobRow)
  }
}
