/**
 * Claiming: which ready jobs a worker gets.
 *
 * For each room: at most one suspect, and only if the worker holds none; then from the top,
 * queue by queue and rank by rank; then the last few from the lowest rank up, so that
 * low priorities never starve.
 */
import type { Room } from '../store.ts'
import { setState, tally, type Data, type GroupState, type Incarnation, type Queue, type Standing } from './data.ts'
import { end } from './ending.ts'
import type { Entry } from './entry.ts'
import { suspendExpiry } from './finish.ts'
import { groupOf, look } from './groups.ts'
import { freeKeyAtClaim } from './keys.ts'
import type { Line, Spot } from './line.ts'
import { withdraw } from './lines.ts'
import { mayStart, recordStart } from './rates.ts'

export interface Claiming {
  readonly data: Data
  readonly life: Incarnation
  readonly claim: number
  readonly claimed: Entry[]
  /** What counts against the room: a group counts as its leader alone. */
  taken: number
  expired: number
}

/** True if there may be more to claim for this room. */
export function claimFor(claiming: Claiming, { queues, jobs, bottomUp }: Room): boolean {
  const { data } = claiming
  const open = queues.flatMap((name) => data.queues.get(name) ?? []).filter(({ paused }) => !paused)
  const end = claiming.taken + jobs
  if (jobs <= 0) return false

  claimSuspect(claiming, open)
  for (const queue of open) for (const standing of queue.ranks) take(claiming, standing, end - bottomUp)
  for (const queue of open) for (const standing of queue.ranks.toReversed()) take(claiming, standing, end)
  return claiming.taken === end
}

/** A job that may be what kills its workers is held one at a time, so that it convicts itself alone. */
function claimSuspect(claiming: Claiming, queues: readonly Queue[]) {
  const { data, life } = claiming
  if (life.held.values().some(({ suspect }) => suspect)) return

  for (const { suspects } of queues) {
    const entry = suspects.inOrder().find((suspect) => mayStart(data, suspect))
    if (entry) return claim(claiming, entry)
  }
}

/** Claims from one queue and rank until `end` jobs are claimed in all. */
function take(claiming: Claiming, standing: Standing, end: number) {
  if (claiming.taken >= end) return
  let lines = startable(claiming.data, standing)

  while (claiming.taken < end) {
    const entry = firstOf(lines)?.entry
    if (!entry) return
    const { line } = entry.standing!
    const expired = expireInstead(claiming, entry)
    if (!expired) claim(claiming, entry)
    // Either may have brought others into the lines.
    if (expired || entry.job.lane?.gather) lines = startable(claiming.data, standing)
    if (entry.rate && !mayStart(claiming.data, entry)) lines.delete(line)
  }
}

/** The plain jobs, and those of every rate that has a token. */
function startable(data: Data, { plain, rated }: Standing): Set<Line> {
  const lines = new Set([plain])
  for (const [rate, line] of rated) {
    const first = line.peek()?.entry
    if (!first) rated.delete(rate)
    else if (mayStart(data, first)) lines.add(line)
  }
  return lines
}

function firstOf(lines: Iterable<Line>): Spot | undefined {
  let first: Spot | undefined
  for (const line of lines) {
    const spot = line.peek()
    if (spot && (!first || spot.first < first.first)) first = spot
  }
  return first
}

function expireInstead(claiming: Claiming, entry: Entry): boolean {
  const { data } = claiming
  if (!isOverdue(data, entry)) return false
  expire(data, entry)
  claiming.expired++
  return true
}

export function isOverdue(data: Data, { expiresAt }: Entry): boolean {
  return expiresAt !== undefined && expiresAt <= data.env.now()
}

export function expire(data: Data, entry: Entry): void {
  tally(data, entry.job.task, 'expired', 0)
  end(data, entry, { state: 'expired' })
}

function claim(claiming: Claiming, entry: Entry) {
  const { data } = claiming
  const group = groupOf(data, entry.job)
  const leads = group?.leader === entry
  claiming.taken++
  start(claiming, entry, group && entry.id)
  recordStart(data, entry)
  if (group && leads) claimMembers(claiming, group, entry)
}

/** The first of those that stand in the lane; the whole group takes one token of its rate. */
function claimMembers(claiming: Claiming, group: GroupState, leader: Entry) {
  const { data } = claiming
  // Still its leader, so that nobody is sent out meanwhile.
  group.leader = leader
  for (let left = group.size - 1; left > 0;) {
    const member = group.parked.peek()?.entry
    if (!member) break
    if (expireInstead(claiming, member)) continue
    start(claiming, member, leader.id)
    left--
  }
  group.leader = undefined
  look(data, group)
}

function start({ data, life, claim, claimed }: Claiming, entry: Entry, leader: string | undefined) {
  withdraw(data, entry)
  entry.leader = leader
  // Given back unstarted it could still expire.
  suspendExpiry(data, entry)
  entry.claim = claim
  entry.incarnation = life.id
  entry.startedAt = data.env.now()
  setState(data, entry, 'running')
  life.held.set(entry.id, entry)
  freeKeyAtClaim(data, entry)
  claimed.push(entry)
  data.news.tell('started', entry)
}
