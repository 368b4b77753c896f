/** Lanes and rates by name: what value they have, who set it, and how long they are remembered. */
import type { Lane, LimitQuery, LimitRecord, LimitValue, NewJob, Rate } from '../store.ts'
import type { Data, LaneState, RateState, Remembered } from './data.ts'
import { present, type Entry } from './entry.ts'
import { forgetGroup, groupOf, setGroup } from './groups.ts'
import { admit, laneOf, rateOf } from './lines.ts'
import { firstSince, freeTokens } from './rates.ts'

const pageSize = { usual: 100, most: 500 }

/** What an inserted job brings: the value given last holds, unless one was set by hand. */
export function setLane(data: Data, job: NewJob): void {
  const brought = job.lane!
  if (brought.gather) return setGroup(data, job)
  const lane = laneOf(data, brought)
  if (!lane.pinned) lane.slots = brought.slots
  admit(data, brought.name)
}

export function setRate(data: Data, { name, tokens, perMs }: Rate): void {
  const rate = rateOf(data, { name, tokens, perMs })
  if (!rate.pinned) Object.assign(rate, { tokens, perMs })
}

/** By hand: a lane its slots, a rate its tokens. */
export function setLimit(data: Data, name: string, value: LimitValue | 'unpinned'): void {
  if (value === 'unpinned') return unpin(data, name)

  const { slots, ...rate } = value
  if (slots !== undefined) pinLane(data, { name, slots })
  if (rate.tokens !== undefined || rate.perMs !== undefined) pinRate(data, name, rate)
}

function pinLane(data: Data, { name, slots }: Lane) {
  Object.assign(laneOf(data, { name, slots }), { slots, pinned: true })
  admit(data, name)
}

/** A rate that is not known must be given whole. */
function pinRate(data: Data, name: string, value: LimitValue) {
  const { tokens, perMs } = { ...data.rates.get(name), ...value }
  if (tokens === undefined || perMs === undefined) return
  Object.assign(rateOf(data, { name, tokens, perMs }), { tokens, perMs, pinned: true })
}

function unpin({ lanes, rates }: Data, name: string) {
  for (const limit of [lanes.get(name), rates.get(name)]) if (limit) limit.pinned = false
  forgetLane(lanes, name)
}

/** A job that names these has come, or is erased. */
export function countJob(data: Data, entry: Entry, change: 1 | -1): void {
  for (const limit of limitsOf(data, entry)) limit.jobs += change
  if (!entry.final) countUnfinished(data, entry, change)
  const group = groupOf(data, entry.job)
  if (group) forgetGroup(data, group)
  else if (entry.job.lane) forgetLane(data.lanes, entry.job.lane.name)
}

export function countUnfinished(data: Data, entry: Entry, change: number): void {
  for (const limit of limitsOf(data, entry)) limit.unfinished += change
}

/** A lane is forgotten with the last job that names it. A rate stays while its starts count. */
function forgetLane(lanes: Data['lanes'], name: string) {
  const lane = lanes.get(name)
  if (lane && !lane.pinned && lane.jobs === 0) lanes.delete(name)
}

export function forgetRates({ rates, env }: Data): void {
  const now = env.now()
  for (const [name, rate] of rates) {
    rate.starts.splice(0, firstSince(rate, now - rate.perMs))
    if (!rate.pinned && rate.jobs === 0 && rate.starts.length === 0 && rate.closedUntil <= now) rates.delete(name)
  }
}

export function listLimits(data: Data, { prefix = '', after, limit = pageSize.usual }: LimitQuery): LimitRecord[] {
  const { lanes, rates, groups } = data
  const gathering = [...groups.values()].map(({ name }) => name)
  return [...new Set([...lanes.keys(), ...rates.keys(), ...gathering])]
    .filter((name) => name.startsWith(prefix) && (after === undefined || byCodePoint(name, after) > 0))
    .toSorted(byCodePoint)
    .flatMap((name) => recordOf(data, name) ?? [])
    .slice(0, Math.min(limit, pageSize.most))
}

function recordOf({ lanes, rates, groups, env }: Data, name: string): LimitRecord | undefined {
  const now = env.now()
  const [lane, rate] = [laneInUse(lanes.get(name)), rateInUse(rates.get(name), now)]
  const gathering = [...groups.values()].filter((group) => group.name === name && isInUse(group))
  if (!lane && !rate && gathering.length === 0) return undefined
  const standing = gathering.map(({ parked, leader }) => parked.size + (leader ? 1 : 0))

  return present<LimitRecord>({
    name,
    slots: lane?.slots,
    taken: lane?.out.size,
    waiting: lane || gathering.length > 0 ? standing.reduce((sum, n) => sum + n, lane?.parked.size ?? 0) : undefined,
    tokens: rate?.tokens,
    perMs: rate?.perMs,
    free: rate && (isClosed(rate, now) ? 0 : Math.max(0, freeTokens(rate, now))),
    closedForMs: rate && isClosed(rate, now) ? rate.closedUntil - now : undefined,
    pinned: (lane?.pinned ?? false) || (rate?.pinned ?? false),
  })
}

const laneInUse = (lane: LaneState | undefined) => (lane && isInUse(lane) ? lane : undefined)

function rateInUse(rate: RateState | undefined, now: number): RateState | undefined {
  const counts =
    rate && (isInUse(rate) || isClosed(rate, now) || firstSince(rate, now - rate.perMs) < rate.starts.length)
  return counts ? rate : undefined
}

const isInUse = ({ pinned, unfinished }: Remembered) => pinned || unfinished > 0
const isClosed = ({ closedUntil }: RateState, now: number) => closedUntil > now

function limitsOf(data: Data, { job }: Entry): Remembered[] {
  const { lanes, rates } = data
  const lane = groupOf(data, job) ?? (job.lane && lanes.get(job.lane.name))
  return [lane, job.rate && rates.get(job.rate.name)].filter((limit) => limit !== undefined)
}

/** As UTF-8 sorts, which is how databases do. */
function byCodePoint(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
