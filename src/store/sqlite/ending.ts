/** How a job becomes final, whoever makes it so: its record, its keys, its slot, its follow-up, those who wait for it. */
import type { FinalState, JobError, JobState } from '../../job.ts'
import type { FollowUp, FollowUpInput, NewJob } from '../store.ts'
import { insertFollowUp } from './insert.ts'
import { errorText, flag, idText, stateCode, storedOptions, type JobRow } from './job-row.ts'
import { freeSlot } from './line.ts'
import type { Step } from './step.ts'

export interface Ending {
  readonly state: FinalState
  readonly result?: string | null
  readonly error?: JobError | undefined
  readonly because?: Uint8Array | string
  readonly startedAt?: number | null
  /** Runs that ended, this one included. */
  readonly attempts?: number
  readonly due?: number | null
  readonly cancelAt?: number | null
  /** What its run asked for, should it succeed. */
  readonly followUps?: readonly NewJob[] | undefined
}

/** The job has left its place already, but not its slot if it was running. `from` is the state it had. */
export function end(step: Step, job: JobRow, from: JobState, ending: Ending): void {
  const { sql, now } = step
  const {
    state,
    result = null,
    error,
    because = null,
    startedAt = job.started,
    attempts = job.failures,
    due = null,
    cancelAt = null,
  } = ending
  const until = step.keepUntil(job.keep, state === 'succeeded')

  dropExpiry(step, job)
  sql.addFinalWhole.run(
    job.seq,
    stateCode[state],
    startedAt,
    now,
    until,
    attempts,
    result,
    errorText(error),
    because,
    cancelAt,
    due,
  )
  step.pruneAt(until, job.seq)
  step.move(job.queue, from, state)
  step.countLimits(job, 0, -1)
  if (job.flags & (flag.keyWaiting | flag.keyActive)) sql.freeKey.run(job.task, job.unique_key, job.seq)
  if (from === 'running') freeSlot(step, job.lane)
  if (job.flags & flag.members && sql.anyPinned.get()) unpinMembers(step, job.seq)
  if (state === 'succeeded' && step.anySteps) sql.deleteSteps.run(job.seq)

  step.tell(state, job, state, attempts, error && { error })
  step.telling.push(job.seq)
  step.ended.push(job.seq)
  for (const each of ending.followUps ?? []) insertFollowUp(step, each)
  if (job.flags & (flag.onSucceeded | flag.onFailed)) followUp(step, job, ending)
}

/** A job that has really started, or ended, can no longer expire. */
export function dropExpiry({ sql }: Step, { seq, expires }: JobRow): void {
  if (expires === null) return
  sql.deleteDeadline.run(expires, seq)
  sql.dropExpiry.run(seq)
}

/** Members that were kept only for this job are looked at again. */
export function unpinMembers(step: Step, waiter: number): void {
  const { sql, now } = step
  for (const { seq } of sql.pinnedMembers.all(waiter) as { seq: number }[]) {
    sql.unpin.run(seq)
    step.pruneAt(now, seq)
  }
}

function followUp(step: Step, job: JobRow, ending: Ending): void {
  const { onSucceeded, onFailed } = storedOptions(job.options)
  const { state } = ending
  if (state === 'succeeded' && onSucceeded) insertFollowUp(step, followUpJob(step, job, ending, onSucceeded))
  if ((state === 'failed' || state === 'expired') && onFailed)
    insertFollowUp(step, followUpJob(step, job, ending, onFailed))
}

function followUpJob(step: Step, job: JobRow, { state, result, error }: Ending, template: FollowUp): NewJob {
  const input: FollowUpInput = {
    id: idText(job.id),
    task: step.names.name(job.task),
    state,
    input: JSON.parse(job.input) as unknown,
    ...(result !== undefined && result !== null && { result: JSON.parse(result) as unknown }),
    ...(error && { error }),
  }
  return { ...template, id: step.env.id(), input: JSON.stringify(input) }
}
