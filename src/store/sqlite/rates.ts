/**
 * Rates: when their jobs may start.
 *
 * A rate that has a token for each of its unfinished jobs lets them stand in the ready line like any other: whatever is
 * claimed first, there is a token for it. As soon as there may be too few, the rate is `tight`: its jobs come into a line
 * of their own, in which each start asks for a token, and those that stand in the ready line go there when they are met.
 */
import { isNoted, raresOf, type ClaimRow } from './claimed-job.ts'
import type { JobRow } from './job-row.ts'
import type { Step } from './step.ts'
import type { ClaimedPlace } from './where.ts'

/** Stands for a time that is not known: a rate without tokens. */
export const never: number = Number.MAX_SAFE_INTEGER

interface RateState {
  readonly tokens: number
  readonly per_ms: number
  readonly closed: number
  readonly unfinished: number
  readonly tight: number
}

/** What a step knows of a rate. */
export interface RateRoom {
  /** Tokens that are left when all its unfinished jobs have one. */
  spare: number
  tight: boolean
}

interface Placed {
  readonly seq: number
  readonly queue: number
  readonly rank: number
  readonly place: number
}

const stateOf = ({ sql }: Pick<Step, 'sql'>, rate: number) => sql.rateById.get(rate) as RateState

/** Whether a job that has come to be ready may stand in the ready line. */
export function isEasy(step: Step, rate: number): boolean {
  const room = roomOf(step, rate)
  setTight(step, rate, room.spare < 0)
  return !room.tight
}

/** Whether its jobs must not be claimed out of the ready line. */
export function isTight(step: Step, rate: number): boolean {
  return step.rateRooms.get(rate)?.tight ?? stateOf(step, rate).tight === 1
}

function roomOf(step: Step, rate: number): RateRoom {
  const known = step.rateRooms.get(rate)
  if (known) return known

  const { tokens, per_ms: perMs, closed, unfinished, tight } = stateOf(step, rate)
  const left = tokens - unfinished - step.newlyUnfinished(rate)
  // Starts are only counted where that decides.
  const isOut = left < 0 || closed > step.now
  const spare = isOut ? -1 : left - (step.sql.startsUpTo.get(rate, step.now - perMs, left + 1) as { n: number }).n
  const room = { spare, tight: tight === 1 }
  step.rateRooms.set(rate, room)
  return room
}

function setTight(step: Step, rate: number, tight: boolean): void {
  const room = step.rateRooms.get(rate)
  if (room?.tight === tight) return
  step.sql.setTight.run(tight ? 1 : 0, rate)
  if (room) room.tight = tight
}

/** Its value has changed. */
export function lookAtRateAnew(step: Step, rate: number): void {
  step.rateRooms.delete(rate)
  setTight(step, rate, true)
  // Lines that were to be looked at later, or sooner.
  step.sql.closeLines.run(0, rate)
}

export function standThrottled({ sql }: Step, { queue, rank, place, seq }: Placed, rate: number): void {
  sql.throttle.run(rate, queue, rank, place, seq)
  const line = sql.rateLineHead.get(queue, rank, rate) as { head: number; closed: number } | undefined
  if (!line || place < line.head) sql.putRateLine.run(queue, rank, rate, place, line?.closed ?? 0)
}

/** Nothing, if it does not stand there. */
export function leaveThrottled(step: Step, job: Omit<Placed, 'seq'> & { readonly rate: number | null }): void {
  const { queue, rank, place, rate } = job
  if (rate === null) return
  const { sql } = step
  sql.leaveThrottled.run(rate, queue, rank, place)
  const line = sql.rateLineHead.get(queue, rank, rate) as { head: number; closed: number } | undefined
  if (line?.head !== place) return

  const next = sql.firstThrottled.get(rate, queue, rank) as { place: number } | undefined
  if (next) sql.putRateLine.run(queue, rank, rate, next.place, line.closed)
  else sql.deleteRateLine.run(queue, rank, rate)
}

/** When another start fits. In the past if it does already. */
export function nextToken(step: Pick<Step, 'sql'>, rate: number): number {
  const { tokens, per_ms: perMs, closed } = stateOf(step, rate)
  if (tokens <= 0) return never

  const deciding = step.sql.decidingStart.get(rate, tokens - 1) as { at: number } | undefined
  return deciding ? Math.max(closed, deciding.at + perMs) : closed
}

/** The rate of which its start takes a token. */
export function tokenRate({ sql }: Step, row: ClaimRow): number | null {
  const [, , rate] = raresOf(row)
  if (rate === null || !isNoted(row)) return rate
  return (sql.getCourse.get(row[0]) as Pick<JobRow, 'goes_on'>).goes_on ? null : rate
}

/** Of those that were claimed just now. Answers the rates of which a token was taken. */
export function recordStarts(step: Step, claimed: readonly ClaimRow[]): number[] {
  const seqs: number[] = []
  const rates: number[] = []
  for (const row of claimed) {
    const rate = row[7] === null ? null : tokenRate(step, row)
    if (rate === null) continue
    seqs.push(row[0])
    rates.push(rate)
    step.lessRoom(rate, 1)
  }
  if (seqs.length > 0) step.sql.addStarts.run(JSON.stringify(seqs))
  return rates
}

/** None of the rate's jobs starts before then. */
export function closeRate(step: Step, rate: number, until: number): void {
  step.sql.closeRate.run(until, rate)
  lookAtRateAnew(step, rate)
}

/** Takes back the token of a job that did not start after all. */
export function returnToken({ sql }: Step, { rate, seq }: JobRow, { since, claim }: ClaimedPlace): void {
  if (rate === null) return
  sql.dropStart.run(rate, since, seq, claim)
  sql.closeLines.run(0, rate)
}
