/** What people ask of jobs: change, cancel, retry, remove, release. Each answers per job. */
import { checkChange } from '../checked-times.ts'
import type { CancelAnswer, ChangeAnswer, Due, JobChange, ReleaseAnswer, RemoveAnswer, RetryAnswer } from '../store.ts'
import { dropExpiry, end } from './ending.ts'
import { gatherAgain, isGroup } from './groups.ts'
import { flag, flagsWith, idValue, moment, optionsWith, type FinalRow, type JobRow } from './job-row.ts'
import { dropBlockedSlot, enterLine, leaveLine, parkedRank, stand } from './line.ts'
import { erase } from './prune.ts'
import { firstMoment, wakeIfSooner } from './soon.ts'
import type { Step } from './step.ts'
import { spreadCommand } from './telling.ts'
import { markReopened, waitAgain, waitNoMore } from './waiting.ts'
import { atTheEnd, isWaiting, leavePlace, note, whereIs, type Where } from './where.ts'

export function change(step: Step, id: string, wanted: JobChange): ChangeAnswer {
  checkChange([id], wanted)
  const job = jobOf(step, id)
  if (!job) return 'unknown'
  const where = whereIs(step, job)
  if (!isWaiting(where.state)) return where.state === 'running' ? 'running' : 'final'

  if (wanted.input !== undefined) changeInput(step, job, wanted.input, wanted.version)
  const ranked = wanted.rank === undefined ? job : changeRank(step, job, where, wanted.rank)
  const state = wanted.due ? changeDue(step, ranked, where, wanted.due) : where.state
  if (state !== where.state) step.move(job.queue, where.state, state)
  step.tell('changed', job, state, job.failures)
  return 'changed'
}

export function cancel(step: Step, id: string): CancelAnswer {
  const job = jobOf(step, id)
  if (!job) return 'unknown'
  const where = whereIs(step, job)
  if (where.state === 'running') return requestCancel(step, job, where)
  if (!isWaiting(where.state)) return 'final'

  endWaiting(step, job, where)
  spreadCommand(step)
  return 'cancelled'
}

export function retry(step: Step, id: string): RetryAnswer {
  const job = jobOf(step, id)
  if (!job) return 'unknown'
  const where = whereIs(step, job)
  if (!('final' in where)) return 'not final'

  const state = startAnew(step, job, where.final)
  step.move(job.queue, where.state, state)
  step.tell('retried', job, state, 0)
  markReopened(step, job.seq)
  spreadCommand(step)
  return 'retried'
}

export function remove(step: Step, id: string): RemoveAnswer {
  const { sql } = step
  const job = jobOf(step, id)
  if (!job) return 'unknown'
  const where = whereIs(step, job)
  if (where.state === 'running') return 'running'

  if (isWaiting(where.state)) endWaiting(step, job, where)
  spreadCommand(step)
  if (job.unique_key !== null) sql.freeKey.run(job.task, job.unique_key, job.seq)
  const final = sql.getFinal.get(job.seq) as FinalRow
  // Those of its waiters that are told later must still hear who it was.
  sql.nameReleasing.run(job.id, final.state, job.seq)
  step.tell('removed', job, isWaiting(where.state) ? 'cancelled' : where.state, final.attempts)
  erase(step, job, final)
  sql.forgetId.run(job.id)
  step.ended.push(job.seq)
  return 'removed'
}

export function release(
  step: Step,
  { id, result }: { readonly id: string; readonly result: string | null },
): ReleaseAnswer {
  const job = jobOf(step, id)
  if (!job) return 'unknown'
  const where = whereIs(step, job)
  if (where.state !== 'blocked' || !where.held) return 'not held'

  leavePlace(step, job, where)
  end(step, job, 'blocked', { state: 'succeeded', result, due: where.due })
  spreadCommand(step)
  return 'released'
}

function jobOf(step: Step, id: string): JobRow | undefined {
  step.flushReady()
  const job = step.sql.jobById.get(idValue(id)) as JobRow | undefined
  // A job on its way to another store is as good as there.
  return job && step.sql.getLeaving.get(job.seq) ? undefined : job
}

function endWaiting(step: Step, job: JobRow, where: Where): void {
  leavePlace(step, job, where)
  const due = where.state === 'blocked' ? where.due : null
  end(step, job, where.state, { state: 'cancelled', due })
}

function requestCancel(step: Step, job: JobRow, { claimed }: Where & { state: 'running' }): CancelAnswer {
  if (claimed.cancel_at !== null) return 'cancelling'

  const { sql, now } = step
  sql.requestCancel.run(now, job.seq)
  sql.addSignal.run(claimed.incarnation, job.seq, claimed.claim)
  step.called.add(claimed.incarnation)
  step.tell('cancelling', job, 'running', job.failures + 1)
  return 'cancelling'
}

/** It takes its own version with it, or has none. */
function changeInput({ sql }: Step, job: JobRow, input: string, version: number | undefined): void {
  const options = optionsWith(job.options, version)
  sql.setInput.run(input, options, flagsWith(job.flags, options), job.seq)
}

/** It keeps its number, and stays on its side of the lane. */
function changeRank(step: Step, job: JobRow, { state }: Where, rank: JobRow['rank']): JobRow {
  const changed = { ...job, rank }
  step.sql.setRank.run(rank, job.seq)
  if (state === 'blocked') step.sql.setBlockedRank.run(rank, job.seq)
  if (state === 'ready') standAgain(step, job, changed)
  return changed
}

function standAgain(step: Step, job: JobRow, changed: JobRow): void {
  const { sql } = step
  if (isGroup(job.lane) && gatherAgain(step, { ...job, lane: job.lane }, changed)) return
  if (job.lane !== null && Number(sql.leaveParked.run(job.lane, parkedRank(job), job.place).changes) > 0) {
    sql.park.run(job.lane, parkedRank(changed), changed.place, job.seq)
    return
  }
  // Its slot goes with it, so nobody is let out in between.
  leaveLine(step, { ...job, lane: null })
  stand(step, changed)
}

function changeDue(step: Step, job: JobRow, where: Where, due: Due): 'scheduled' | 'blocked' | 'ready' {
  const { sql, now } = step
  const at = moment(due, now)
  if (where.state === 'blocked') {
    sql.setBlockedDue.run(at > now ? at : null, job.seq)
    if (at > now && where.slot) dropBlockedSlot(step, job)
    return 'blocked'
  }
  if (where.state === 'scheduled') waitNoMore(step, job)
  if (at > now) {
    leavePlace(step, job, where)
    const known = firstMoment(step)
    sql.delay.run(job.seq, at, 0)
    wakeIfSooner(step, job.queue, known)
    return 'scheduled'
  }
  const last = atTheEnd(step, job)
  if (where.state === 'ready') standAgain(step, job, last)
  else {
    sql.leaveDelayed.run(job.seq)
    if (where.state === 'scheduled' && where.slot) stand(step, last)
    else enterLine(step, last)
  }
  return 'ready'
}

/**
 * As if it had never run: held again if it was held; else, where it never started, waiting for those that have not ended; else at
 * the end of its line whatever it waited for.
 */
function startAnew(step: Step, job: JobRow, final: FinalRow): 'blocked' | 'ready' {
  const { sql } = step
  sql.deleteFinal.run(job.seq)
  step.countLimits(job, 0, 1)
  sql.deleteProgress.run(job.seq)
  dropExpiry(step, job)
  const unstarted = { failures: 0, crashes: 0, started: null, error: null, goes_on: 0 }
  const anew = { ...job, ...unstarted, expires: null, place: step.nextSeq() }
  const noted = note(step, anew)
  if (job.flags & flag.held) {
    sql.block.run(job.seq, (sql.openCount.get(job.seq) as { n: number }).n, 1, final.due, 0)
    return 'blocked'
  }
  const pending = final.started === null ? waitAgain(step, job.seq) : 0
  if (pending > 0) {
    sql.block.run(job.seq, pending, 0, final.due, 0)
    return 'blocked'
  }
  sql.closeEdgesOf.run(job.seq)
  enterLine(step, noted)
  return 'ready'
}
