/** Where a job stands, which is its state; leaving that place; and standing somewhere else. */
import type { JobState } from '../../job.ts'
import { finalState, stateCode, type FinalRow, type JobRow } from './job-row.ts'
import { enterLine, freeSlot, leaveLine, stand } from './line.ts'
import type { Step } from './step.ts'
import type { Statements } from './statements.ts'

export interface ClaimedPlace {
  readonly incarnation: number
  readonly claim: number
  readonly place: number
  readonly since: number
  readonly cancel_at: number | null
}

export type Where =
  | { readonly state: 'succeeded' | 'failed' | 'cancelled' | 'expired'; readonly final: FinalRow }
  | { readonly state: 'running'; readonly claimed: ClaimedPlace }
  | { readonly state: 'scheduled'; readonly due: number; readonly slot: number }
  | {
      readonly state: 'blocked'
      readonly pending: number
      readonly held: number
      readonly due: number | null
      readonly slot: number
    }
  | { readonly state: 'ready' }

/** Also for reading, where nothing is pending in a step. */
export function whereIs({ sql }: { sql: Statements }, { seq }: { seq: number }): Where {
  const final = sql.getFinal.get(seq) as FinalRow | undefined
  if (final) return { state: finalState(final.state), final }

  const claimed = sql.getClaimed.get(seq) as ClaimedPlace | undefined
  if (claimed) return { state: 'running', claimed }

  const delayed = sql.getDelayed.get(seq) as { due: number; slot: number } | undefined
  if (delayed) return { state: 'scheduled', ...delayed }

  const blocked = sql.getBlocked.get(seq) as Omit<Where & { state: 'blocked' }, 'state'> | undefined
  if (blocked) return { state: 'blocked', ...blocked }

  const leaving = sql.getLeaving.get(seq) as { state: number; due: number } | undefined
  return leaving?.state === stateCode.scheduled ? { state: 'scheduled', due: leaving.due, slot: 0 } : { state: 'ready' }
}

export const isWaiting = (state: JobState): boolean => state === 'scheduled' || state === 'blocked' || state === 'ready'

/** Out of a waiting place. A slot of its lane is handed on. */
export function leavePlace(step: Step, job: JobRow, where: Where): void {
  const { state } = where
  if (state === 'scheduled') step.sql.leaveDelayed.run(job.seq)
  else if (state === 'blocked') step.sql.leaveBlocked.run(job.seq)
  else if (state === 'ready') leaveLine(step, job)
  if ('slot' in where && where.slot) freeSlot(step, job.lane)
}

/** The job with a new number, at the end of its line; one that goes on keeps the one it has. */
export function atTheEnd(step: Step, job: JobRow): JobRow {
  return note(step, job.goes_on ? job : { ...job, place: step.nextSeq() })
}

/** Writes what has happened to a job besides standing in line. */
export function note(step: Step, job: JobRow): JobRow {
  const { seq, place, failures, crashes, started, error, goes_on: goesOn } = job
  step.sql.putCourse.run(seq, place, failures, crashes, started, error, goesOn)
  return job.noted ? job : { ...job, noted: 1 }
}

/** Scheduled while `due` is ahead, else ready in its line. Answers which. */
export function goOn(step: Step, job: JobRow, due: number | null, hasSlot: boolean): 'scheduled' | 'ready' {
  if (due !== null && due > step.now) {
    step.sql.delay.run(job.seq, due, hasSlot ? 1 : 0)
    return 'scheduled'
  }
  const last = atTheEnd(step, job)
  if (hasSlot) stand(step, last)
  else enterLine(step, last)
  return 'ready'
}
