/**
 * Recording plain successes, which most ends are: many by few statements.
 *
 * What one step has claimed has one claim number and stands close together. Where a count says that a stretch of it is
 * exactly what has ended, the stretch is deleted whole; otherwise each by itself.
 */
import type { Settlement } from '../store.ts'
import { flagsOf, Held, isNoted, keepOf, queueOf, raresOf, type ClaimRow } from './claimed-job.ts'
import { unpinMembers } from './ending.ts'
import { isGroup } from './groups.ts'
import { flag, running, stateCode } from './job-row.ts'
import { finalsPerStatement } from './queries/many.ts'
import type { Value } from './statements.ts'
import { handOn } from './slots.ts'
import type { Step } from './step.ts'

/** What makes the end of a job more than a row in `final`. */
const more = flag.keyWaiting | flag.keyActive | flag.onSucceeded
/** Fewer are quicker deleted one by one. */
const shortestRange = 3

export interface PlainEnd {
  readonly row: ClaimRow
  readonly settlement: Settlement
}

/** The plain ones from here on that have claim number and retention class in common. */
export function plainStretch(settled: readonly Settlement[], from: number): PlainEnd[] {
  const stretch: PlainEnd[] = []
  for (let at = from; at < settled.length; at++) {
    const settlement = settled[at]!
    const row = Held.row(settlement.claim)
    if (!row || !isPlain(row, settlement)) break
    const end = { row, settlement }
    if (at > from && !isLike(stretch[0]!, end)) break
    stretch.push(end)
  }
  return stretch
}

function isPlain(row: ClaimRow, { outcome, followUps, closesRateMs }: Settlement): boolean {
  return (
    outcome.kind === 'succeeded' &&
    (row[7] === null || (hasOnlyLimits(row) && closesRateMs === undefined)) &&
    !isNoted(row) &&
    (flagsOf(row) & more) === 0 &&
    !followUps?.length
  )
}

/** Of all that few jobs have, nothing but a lane and a rate. */
function hasOnlyLimits(row: ClaimRow): boolean {
  const [expires, lane, , key] = raresOf(row)
  return expires === null && key === null && !isGroup(lane)
}

const isLike = (one: PlainEnd, other: PlainEnd) =>
  one.settlement.claim.claim === other.settlement.claim.claim && keepOf(one.row) === keepOf(other.row)

/** Answers those that were not done: stale, or a cancel was asked for. */
export function settlePlainly(step: Step, incarnation: number, stretch: readonly PlainEnd[]): Settlement[] {
  const others: Settlement[] = []
  const held = leaveTogether(step, incarnation, stretch)
    ? stretch
    : stretch.filter((end) => {
        const isHeld = leave(step, incarnation, end)
        if (!isHeld) others.push(end.settlement)
        return isHeld
      })
  if (held.length > 0) record(step, held)

  return others
}

/** False, with nothing done, unless they are all that is held between the first and the last. */
function leaveTogether({ sql }: Step, incarnation: number, stretch: readonly PlainEnd[]): boolean {
  if (stretch.length < shortestRange || !isAscending(stretch)) return false
  const range = [stretch[0]!.row[0], stretch.at(-1)!.row[0], incarnation, stretch[0]!.settlement.claim.claim] as const
  const { n } = sql.heldInRange.get(...range) as { n: number }
  if (n !== stretch.length) return false

  sql.settleRange.run(...range)
  return true
}

function isAscending(stretch: readonly PlainEnd[]): boolean {
  for (let at = 1; at < stretch.length; at++) if (stretch[at]!.row[0] <= stretch[at - 1]!.row[0]) return false
  return true
}

const leave = ({ sql }: Step, incarnation: number, { row, settlement }: PlainEnd) =>
  sql.settleClaim.run(row[0], incarnation, settlement.claim.claim).changes !== 0

function record(step: Step, ends: readonly PlainEnd[]): void {
  const { row, settlement } = ends[0]!
  const until = step.keepUntil(keepOf(row), true)
  addFinals(step, ends, [Held.since(settlement.claim), step.now, until])
  const anyPinned = step.sql.anyPinned.get() !== undefined
  const lanes: number[] = []
  for (const end of ends) {
    keepBooks(step, end, until)
    const [, lane, rate] = raresOf(end.row)
    if (lane !== null) lanes.push(lane)
    if (rate !== null) step.countLimits({ lane: null, rate }, 0, -1)
    if (anyPinned && flagsOf(end.row) & flag.members) unpinMembers(step, end.row[0])
  }
  handOn(step, lanes)
}

function addFinals({ sql }: Step, ends: readonly PlainEnd[], times: readonly [number, number, number]): void {
  let at = 0
  for (; at + finalsPerStatement <= ends.length; at += finalsPerStatement) {
    const values: Value[] = [...times]
    for (let next = at; next < at + finalsPerStatement; next++) values.push(ends[next]!.row[0], resultOf(ends[next]!))
    sql.addFinals.run(...values)
  }
  for (; at < ends.length; at++) sql.addFinal.run(ends[at]!.row[0], ...times, resultOf(ends[at]!))
}

const resultOf = ({ settlement }: PlainEnd) => (settlement.outcome as { result: string | null }).result

function keepBooks(step: Step, { row, settlement }: PlainEnd, until: number): void {
  const seq = row[0]
  const queue = queueOf(row)
  if (step.anySteps) step.sql.deleteSteps.run(seq)
  step.pruneAt(until, seq)
  step.count(queue, running, -1)
  step.count(queue, stateCode.succeeded, 1)
  step.record(row[2], 0, settlement.ranMs)
  step.telling.push(seq)
  step.ended.push(seq)
}
