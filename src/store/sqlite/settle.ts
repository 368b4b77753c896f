/** Recording how runs ended, and taking back jobs that have not ended. */
import type { Outcome } from '../../outcome.ts'
import type { Claim, GivenBack, Settlement } from '../store.ts'
import { flagsOf, Held, isNoted, keepOf, queueOf, rankOf, raresOf, type ClaimRow } from './claimed-job.ts'
import { dropExpiry, end } from './ending.ts'
import { errorText, flag, idValue, type JobRow } from './job-row.ts'
import { forgetLeader, isGroup } from './groups.ts'
import { enterLine, freeSlot, stand, standAgain } from './line.ts'
import { closeRate, returnToken } from './rates.ts'
import { plainStretch, settlePlainly } from './settle-plainly.ts'
import { outcomes, type Step } from './step.ts'
import { waitMore } from './waiting.ts'
import { atTheEnd, note, type ClaimedPlace } from './where.ts'

/** Answers the claims that were stale; nothing is written for them. */
export function settle(step: Step, incarnation: number, settled: readonly Settlement[]): Claim[] {
  const stale: Claim[] = []
  for (let at = 0; at < settled.length;) {
    const stretch = step.events ? [] : plainStretch(settled, at)
    const others = stretch.length > 0 ? settlePlainly(step, incarnation, stretch) : [settled[at]!]
    for (const other of others) if (!settleWhole(step, incarnation, other)) stale.push(other.claim)
    at += Math.max(1, stretch.length)
  }
  return stale
}

function settleWhole(step: Step, incarnation: number, settlement: Settlement): boolean {
  const { claim, outcome, ranMs } = settlement
  const held = heldJob(step, incarnation, claim)
  if (!held) return false

  const { job, place } = held
  const recorded = place.cancel_at === null ? outcome : cancelled(outcome)
  step.record(job.task, outcomes.indexOf(recorded.kind), ranMs)
  const { closesRateMs } = settlement
  if (closesRateMs !== undefined && job.rate !== null) closeRate(step, job.rate, step.now + closesRateMs)
  step.sql.leaveClaimed.run(job.seq)
  forgetLeader(step, job)
  dropExpiry(step, job)
  apply(step, { ...job, expires: null }, place, recorded, settlement)
  return true
}

export interface HeldJob {
  readonly job: JobRow
  readonly place: ClaimedPlace
}

/** The job of this claim, if the incarnation still holds it under exactly this claim. */
export function heldJob({ sql }: Pick<Step, 'sql'>, incarnation: number, claim: Claim): HeldJob | undefined {
  const row = Held.row(claim)
  const seq = row?.[0] ?? (sql.seqOfId.get(idValue(claim.id)) as { seq: number } | undefined)?.seq
  const place = seq === undefined ? undefined : (sql.getClaimed.get(seq) as ClaimedPlace | undefined)
  if (!place || place.incarnation !== incarnation || place.claim !== claim.claim) return undefined
  const isWhole = row && !isNoted(row) && (flagsOf(row) & hasOptions) === 0
  return { job: isWhole ? jobOf(claim, row) : (sql.jobBySeq.get(seq!) as JobRow), place }
}

/** Options are needed at its end. */
const hasOptions = flag.onSucceeded | flag.onFailed | flag.options

/** As it was claimed; nothing of it changes while it runs. Whoever settles it needs no metadata. */
function jobOf({ id }: Claim, row: ClaimRow): JobRow {
  const [seq, place, task, , , created, , , , input] = row
  const [expires, lane, rate, key] = raresOf(row)
  const [queue, rank, keep, flags] = [queueOf(row), rankOf(row), keepOf(row), flagsOf(row)]
  const job = { seq, id, task, queue, rank, created, keep, expires, lane, rate, flags, unique_key: key, input }
  const unnoted = { noted: 0, place, failures: 0, crashes: 0, started: null, error: null, goes_on: 0 }
  return { ...job, ...unnoted, metadata: null, options: null }
}

/** Once a cancel was asked for, a job can only end cancelled, whatever its handler did. */
function cancelled(outcome: Outcome): Outcome {
  return 'error' in outcome && outcome.error ? { kind: 'cancelled', error: outcome.error } : { kind: 'cancelled' }
}

function apply(
  step: Step,
  job: JobRow,
  { since, cancel_at: cancelAt }: ClaimedPlace,
  outcome: Outcome,
  settlement: Settlement,
): void {
  const keepsSlot = settlement.keepsSlot === true && job.lane !== null && !isGroup(job.lane)
  if (outcome.kind === 'wait') return waitFor(step, { ...job, started: since, goes_on: 1 }, outcome, keepsSlot)

  const attempts = job.failures + 1
  if (outcome.kind === 'retry' || outcome.kind === 'failed') {
    step.sql.addAttempt.run(job.seq, attempts, step.now, errorText(outcome.error), job.seq)
  }
  if (outcome.kind === 'retry')
    return again(step, { ...job, failures: attempts, started: since, goes_on: 0 }, outcome, keepsSlot)
  if (outcome.kind === 'succeeded') {
    return end(step, job, 'running', {
      state: 'succeeded',
      result: outcome.result,
      attempts,
      startedAt: since,
      followUps: settlement.followUps,
    })
  }
  end(step, job, 'running', { state: outcome.kind, error: outcome.error, attempts, startedAt: since, cancelAt })
}

function again(step: Step, job: JobRow, { error, delayMs }: Outcome & { kind: 'retry' }, keepsSlot: boolean): void {
  const noted = note(step, { ...job, error: errorText(error) })
  const state = delayMs > 0 ? putOff(step, noted, delayMs, keepsSlot) : lineUpAfresh(step, noted, keepsSlot)
  step.move(job.queue, 'running', state)
  step.tell('retrying', job, state, job.failures, { error })
}

function waitFor(step: Step, job: JobRow, outcome: Outcome & { kind: 'wait' }, keepsSlot: boolean): void {
  const { on, delayMs = 0 } = outcome
  const pending = waitMore(step, job, on)
  // Behind whoever is there when it falls asleep, so that jobs that sleep again and again let others run.
  const noted = note(step, on.length === 0 ? { ...job, place: step.nextSeq() } : job)
  const state =
    delayMs > 0 && (pending > 0 || on.length === 0)
      ? putOff(step, noted, delayMs, keepsSlot)
      : pending > 0
        ? block(step, noted, pending, keepsSlot)
        : lineUpAfresh(step, noted, keepsSlot)
  step.move(job.queue, 'running', state)
  step.tell(state === 'ready' ? 'ready' : 'blocked', job, state, job.failures)
}

function block(step: Step, job: JobRow, pending: number, keepsSlot: boolean): 'blocked' {
  step.sql.block.run(job.seq, pending, 0, null, keepsSlot ? 1 : 0)
  if (!keepsSlot) freeSlot(step, job.lane)
  return 'blocked'
}

/** At the end of the line, and through its lane anew unless it keeps its slot: others that wait there may be before it. */
function lineUpAfresh(step: Step, job: JobRow, keepsSlot: boolean): 'ready' {
  if (job.lane !== null && !keepsSlot && !isGroup(job.lane)) step.sql.handInSlot.run(job.lane)
  const last = atTheEnd(step, job)
  if (keepsSlot) stand(step, last)
  else enterLine(step, last)
  return 'ready'
}

function putOff(step: Step, job: JobRow, delayMs: number, keepsSlot: boolean): 'scheduled' {
  step.sql.delay.run(job.seq, step.now + delayMs, keepsSlot ? 1 : 0)
  if (!keepsSlot) freeSlot(step, job.lane)
  return 'scheduled'
}

/** Answers the claims that were stale. */
export function giveBack(step: Step, incarnation: number, givenBack: readonly GivenBack[]): Claim[] {
  const stale: Claim[] = []
  for (const back of givenBack) {
    const held = heldJob(step, incarnation, back.claim)
    if (held) takeBack(step, held, back)
    else stale.push(back.claim)
  }
  return stale
}

/** As if it had not been claimed, except that its claim is used up, and its start, if it has started. */
export function takeBack(step: Step, held: HeldJob, { delayMs = 0, started }: Omit<GivenBack, 'claim'>): void {
  const { job, place } = held
  step.sql.leaveClaimed.run(job.seq)
  forgetLeader(step, job)
  if (!started) returnToken(step, job, place)
  if (place.cancel_at !== null) {
    const startedAt = started ? place.since : null
    return end(step, job, 'running', { state: 'cancelled', startedAt, cancelAt: place.cancel_at })
  }

  const back = started ? startedOnce(step, held) : asUnstarted(step, job)
  step.flushReady()
  if (delayMs <= 0) standAgain(step, back)
  // In a lane that keeps its order nobody goes past it.
  const keepsSlot = (job.flags & flag.ordered) !== 0 && !isGroup(job.lane)
  const state = delayMs > 0 ? putOff(step, back, delayMs, keepsSlot) : 'ready'
  step.move(job.queue, 'running', state)
  step.tell('given back', job, state, job.failures)
}

function startedOnce(step: Step, { job, place }: HeldJob): JobRow {
  dropExpiry(step, job)
  return note(step, { ...job, expires: null, started: place.since })
}

/** It may still expire. */
function asUnstarted(step: Step, job: JobRow): JobRow {
  if (job.expires !== null) step.sql.addDeadline.run(job.expires, job.seq)
  return job.started === null ? job : note(step, { ...job, started: null })
}
