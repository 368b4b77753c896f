/** Lanes and rates by name: what value they have, who set it, and how long they are remembered. */
import type { Lane, LimitQuery, LimitRecord, LimitValue, Rate } from '../store.ts'
import { groupFor } from './groups.ts'
import { admit } from './line.ts'
import { lookAtRateAnew } from './rates.ts'
import { present } from './read.ts'
import type { Step } from './step.ts'
import type { Statements } from './statements.ts'

/** How many rates, and how many starts of them, one upkeep looks at. */
const swept = { rates: 500, starts: 5_000 }
const pageSize = { usual: 100, most: 500 }

interface LaneRow {
  readonly id: number
  readonly slots: number
  readonly pinned: number
}

interface RateRow {
  readonly id: number
  readonly tokens: number
  readonly per_ms: number
  readonly pinned: number
}

/** The number of the lane that an inserted job names; the value given last holds, unless one was set by hand. */
export function laneFor(step: Step, { name, slots, gather }: Lane, queue: number): number {
  if (gather) return groupFor(step, name, queue, gather)
  const lane = knownLane(step, name, slots)
  if (!lane.pinned) setSlots(step, lane, slots)
  return lane.id
}

export function rateFor(step: Step, { name, tokens, perMs }: Rate): number {
  const rate = knownRate(step, name, tokens, perMs)
  if (!rate.pinned) setValue(step, rate, tokens, perMs)
  return rate.id
}

/** A lane that is known keeps its value. */
export function knownLane({ sql }: Step, name: string, slots: number): LaneRow {
  return (sql.laneByName.get(name) ?? sql.addLane.get(name, slots)) as LaneRow
}

export function knownRate({ sql }: Step, name: string, tokens: number, perMs: number): RateRow {
  return (sql.rateByName.get(name) ?? sql.addRate.get(name, tokens, perMs)) as RateRow
}

/** By hand: a lane its slots, a rate its tokens. */
export function setLimit(step: Step, name: string, value: LimitValue | 'unpinned'): void {
  if (value === 'unpinned') return unpin(step, name)

  const { slots, ...rate } = value
  if (slots !== undefined) {
    setSlots(step, knownLane(step, name, slots), slots)
    step.sql.pinLane.run(1, name)
  }
  if (rate.tokens !== undefined || rate.perMs !== undefined) pinRate(step, name, rate)
}

/** A rate that is not known must be given whole. */
function pinRate(step: Step, name: string, value: LimitValue): void {
  const { sql } = step
  const known = sql.rateByName.get(name) as RateRow | undefined
  const [tokens, perMs] = [value.tokens ?? known?.tokens, value.perMs ?? known?.per_ms]
  if (tokens === undefined || perMs === undefined) return

  setValue(step, knownRate(step, name, tokens, perMs), tokens, perMs)
  sql.pinRate.run(1, name)
  for (const { queue } of sql.queuesOfRate.all(name) as { queue: number }[]) step.wokenQueues.add(queue)
}

function unpin({ sql }: Step, name: string): void {
  sql.pinLane.run(0, name)
  sql.pinRate.run(0, name)
  const lane = sql.laneByName.get(name) as LaneRow | undefined
  if (lane) sql.forgetLanes.run(JSON.stringify([lane.id]))
}

function setSlots(step: Step, lane: LaneRow, slots: number): void {
  if (lane.slots === slots) return
  step.sql.setSlots.run(slots, lane.id)
  if (slots > lane.slots) admit(step, lane.id)
}

function setValue(step: Step, rate: RateRow, tokens: number, perMs: number): void {
  if (rate.tokens === tokens && rate.per_ms === perMs) return
  step.sql.setRate.run(tokens, perMs, rate.id)
  lookAtRateAnew(step, rate.id)
}

/** Forgets old starts and unused rates, some at a time and all in turn. True if there are more that nobody uses. */
export function sweepRates({ sql, now }: Step): boolean {
  const { value: after } = sql.getMeta.get('rates swept') as { value: number }
  const page = sql.someRates.all(after, swept.rates) as { id: number }[]
  const last = page.at(-1)?.id
  const next = page.length < swept.rates ? 0 : last!
  if (next !== after) sql.setMeta.run(next, 'rates swept')
  if (last === undefined) return false

  sql.forgetStarts.run(after, last, now, swept.starts)
  return Number(sql.forgetRates.run(after, last, now).changes) > 0 && next > 0
}

interface Reading {
  readonly sql: Statements
  readonly now: number
}

export function listLimits(
  reading: Reading,
  { prefix = '', after = '', limit = pageSize.usual }: LimitQuery,
): LimitRecord[] {
  const { sql, now } = reading
  const count = Math.min(limit, pageSize.most)
  const records = new Map<string, LimitRecord>()
  const found: readonly LimitRecord[] = [
    ...(sql.lanesInUse.all(prefix, after, count) as unknown as LaneInUse[]).map(laneRecord),
    ...(sql.groupsInUse.all(prefix, after, count) as { name: string; waiting: number }[]).map((group) => ({
      ...group,
      pinned: false,
    })),
    ...(sql.ratesInUse.all(prefix, after, now, now, count) as unknown as RateInUse[]).map((rate) =>
      rateRecord(reading, rate),
    ),
  ]
  for (const { name, ...record } of found) {
    const known = records.get(name)
    const waiting =
      known?.waiting !== undefined && record.waiting !== undefined ? { waiting: known.waiting + record.waiting } : {}
    records.set(name, { ...known, name, ...record, ...waiting, pinned: record.pinned || (known?.pinned ?? false) })
  }
  return [...records.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .toSorted((one, other) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)))
    .slice(0, count)
}

interface LaneInUse extends LaneRow {
  readonly name: string
  readonly used: number
  readonly waiting: number
}

interface RateInUse extends RateRow {
  readonly name: string
  readonly closed: number
}

function laneRecord({ name, slots, used, waiting, pinned }: LaneInUse): LimitRecord {
  return { name, slots, taken: used, waiting, pinned: pinned === 1 }
}

function rateRecord(
  { sql, now }: Reading,
  { id, name, tokens, per_ms: perMs, closed, pinned }: RateInUse,
): LimitRecord {
  const { n } = sql.startsSince.get(id, now - perMs) as { n: number }
  return present<LimitRecord>({
    name,
    tokens,
    perMs,
    free: closed > now ? 0 : Math.max(0, tokens - n),
    closedForMs: closed > now ? closed - now : undefined,
    pinned: pinned === 1,
  })
}
