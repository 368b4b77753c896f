/**
 * Times as they come into a store. What is no finite number is neither ahead nor past: a job put off by it would leave its
 * place and come to none. So each engine looks at them before it begins.
 */
import { InvalidOptionError } from '../errors.ts'
import type { Due, JobChange, NewJob, Settlement, Tick, Turn } from './store.ts'

/** @throws InvalidOptionError */
export function checkJobs(jobs: readonly NewJob[]): void {
  for (const { id, due, expires, unique } of jobs) {
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

function checkDue(due: Due, name: string, id: string): void {
  if ('at' in due) checkMs(due.at, `${name}.at`, id)
  else checkMs(due.inMs, `${name}.inMs`, id)
}

function checkMs(ms: number, name: string, id: string): void {
  if (!Number.isFinite(ms))
    throw new InvalidOptionError(`\`${name}\` of job ${id}`, ms, 'a finite number of milliseconds')
}
