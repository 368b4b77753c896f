/**
 * Times as they come into a store. What is no finite number is neither ahead nor past: a job put off by it would leave its
 * place and come to none; and what no `Date` reaches, some engines cannot read again. So each looks at them before it begins.
 */
import { lastMoment, longestMs } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import type { MovingJob } from './moving.ts'
import type { Due, JobChange, NewJob, ScheduleRecord, Settlement, Tick, Turn } from './store.ts'

/** @throws InvalidOptionError */
function checkJobs(jobs: readonly NewJob[]): void {
  for (const { id, due, expires, unique, keepSucceededMs, keepFailedMs } of jobs) {
    checkMs(keepSucceededMs, 'keepSucceededMs', id)
    checkMs(keepFailedMs, 'keepFailedMs', id)
    if (due) checkDue(due, 'due', id)
    if (expires) checkDue(expires, 'expires', id)
    if (unique && typeof unique.scope === 'object') checkMs(unique.scope.forMs, 'forMs', id)
  }
}

/** @throws InvalidOptionError */
export function checkCalls(calls: readonly (readonly NewJob[])[]): void {
  for (const jobs of calls) checkJobs(jobs)
}

/** @throws InvalidOptionError */
export function checkTicks(ticks: readonly Tick[]): void {
  for (const { job } of ticks) if (job) checkJobs([job])
}

/** @throws InvalidOptionError */
export function checkTurn({ settled, givenBack }: Turn): void {
  for (const settlement of settled) checkSettlement(settlement)
  for (const { claim, delayMs } of givenBack) if (delayMs !== undefined) checkMs(delayMs, 'delayMs', claim.id)
}

/** @throws InvalidOptionError */
export function checkSettlement({ claim, outcome, ranMs, followUps, closesRateMs }: Settlement): void {
  checkMs(ranMs, 'ranMs', claim.id)
  if ('delayMs' in outcome && outcome.delayMs !== undefined) checkMs(outcome.delayMs, 'delayMs', claim.id)
  if (closesRateMs !== undefined) checkMs(closesRateMs, 'closesRateMs', claim.id)
  if (followUps) checkJobs(followUps)
}

/** @throws InvalidOptionError */
export function checkChange(ids: readonly string[], { due }: JobChange): void {
  for (const id of due ? ids : []) checkDue(due!, 'due', id)
}

/** @throws InvalidOptionError */
export function checkPlaced(jobs: readonly MovingJob[]): void {
  for (const { id, job, unique, history, ...times } of jobs) {
    checkMs(job.keepSucceededMs, 'keepSucceededMs', id)
    checkMs(job.keepFailedMs, 'keepFailedMs', id)
    for (const name of momentNames) if (times[name] !== undefined) checkMoment(times[name], name, id)
    if (unique?.holds?.until !== undefined) checkMoment(unique.holds.until, 'until', id)
    for (const { at } of history) checkMoment(at, 'history.at', id)
  }
}

const momentNames = ['createdAt', 'dueAt', 'expiresAt', 'startedAt', 'finishedAt', 'cancelRequestedAt'] as const

/** @throws InvalidOptionError */
export function checkSchedules(schedules: readonly ScheduleRecord[]): void {
  for (const { name, nextAt, declaredAt } of schedules) {
    if (nextAt !== null) checkMoment(nextAt, 'nextAt', name, 'schedule')
    checkMoment(declaredAt, 'declaredAt', name, 'schedule')
  }
}

function checkDue(due: Due, name: string, id: string): void {
  if ('at' in due) checkMoment(due.at, `${name}.at`, id)
  else checkMs(due.inMs, `${name}.inMs`, id)
}

function checkMoment(at: number, name: string, id: string, of = 'job'): void {
  if (!(Math.abs(at) <= lastMoment))
    throw new InvalidOptionError(
      `\`${name}\` of ${of} ${id}`,
      at,
      'milliseconds since 1970, no further than a Date reaches',
    )
}

function checkMs(ms: number, name: string, id: string): void {
  if (!(Math.abs(ms) <= longestMs))
    throw new InvalidOptionError(`\`${name}\` of job ${id}`, ms, 'milliseconds, no more than 1000 years')
}
