/**
 * Upkeep: what nobody asks for and time brings.
 *
 * Silence of the store is not silence of its workers: when nobody has looked for half a
 * lease, that lease is extended instead of rescuing. A rescue raises `crashes`, not
 * `attempts`, so that a job which kills its worker is found out and its neighbours are
 * not blamed. Any worker may do it; twice is harmless.
 */
import { goneMs, isLost, statsMs, upkeepDefaults, usualLeaseMs } from '../rules.ts'
import type { NewWorker, UpkeepLimits, UpkeepResult } from '../store.ts'
import { expire, isOverdue } from './claim.ts'
import { tally, type Data } from './data.ts'
import { closeEdges, neededByOthers, spread } from './dependencies.ts'
import { endLost } from './ending.ts'
import type { Entry } from './entry.ts'
import { erase } from './erase.ts'
import { dropExpiry, finish, letGo } from './finish.ts'
import { forgetOldKeys } from './keys.ts'
import { ripen } from './groups.ts'
import { forgetMoves } from './leaving.ts'
import { forgetRates } from './limits.ts'
import { lineUp, lineUpAgain, withdraw } from './lines.ts'
import { markGone } from './lives.ts'
import { nextDueMs } from './turn.ts'

export function upkeep(data: Data, given: Partial<UpkeepLimits> = {}): UpkeepResult {
  const limits = { ...upkeepDefaults, ...given }
  const endings = data.endings
  const extended = extendAfterSilence(data)

  const promoted = promote(data, limits.promote)
  const expired = expireOverdue(data, limits.expire)
  loseSilent(data)
  const rescued = rescue(data, limits.rescue)
  const followed = spread(data, limits.spread)
  const pruned = prune(data, limits.prune, endings)
  forget(data)
  ripen(data)
  data.stampedAt = data.env.monotonic()

  const done = { promoted, rescued, expired, spread: followed, pruned }
  const more =
    promoted >= limits.promote ||
    rescued >= limits.rescue ||
    expired >= limits.expire ||
    followed >= limits.spread ||
    pruned >= limits.prune
  const nextDue = nextDueMs(data)
  return { more, ...done, extended, ...(nextDue !== undefined && { nextDueMs: nextDue }) }
}

/** Each lease by itself: a patient worker must not make a short silence of the store look like its workers'. */
function extendAfterSilence(data: Data): boolean {
  const silentMs = data.env.monotonic() - data.stampedAt
  const extended = [...data.incarnations.values()].filter(({ worker }) => silentMs > patienceMs(worker) / 2)

  for (const life of extended) life.deadline = data.env.monotonic() + patienceMs(life.worker)
  return extended.length > 0
}

/**
 * No lease counts as shorter than usual here: a hasty worker may be watched by calmer ones, and needs as long as they to
 * find a store again that was away.
 */
function patienceMs({ leaseMs }: NewWorker): number {
  return Math.max(leaseMs, usualLeaseMs)
}

function promote(data: Data, limit: number): number {
  const now = data.env.now()
  return upTo(limit, () => {
    const spot = data.due.peek()
    if (!spot?.entry || spot.first > now) return false
    const { entry } = spot
    withdraw(data, entry)
    if (entry.pending > 0) closeEdges(entry)
    lineUp(data, entry)
    data.news.tell('ready', entry)
    return true
  })
}

function expireOverdue(data: Data, limit: number): number {
  return upTo(limit, () => {
    const spot = data.expiries.peek()
    if (!spot?.entry || !isOverdue(data, spot.entry)) return false
    expire(data, spot.entry)
    return true
  })
}

/** Marks the silent gone first, so that nothing they still send is accepted. */
function loseSilent(data: Data) {
  const now = data.env.monotonic()
  for (const life of data.incarnations.values()) {
    if (life.deadline > now) continue
    data.lost.push(...[...life.held.values()].toSorted((a, b) => a.seq - b.seq))
    markGone(data, life)
  }
}

function rescue(data: Data, limit: number): number {
  return upTo(limit, () => {
    const entry = data.lost.shift()
    if (entry) rescueJob(data, entry)
    return entry !== undefined
  })
}

function rescueJob(data: Data, entry: Entry) {
  tally(data, entry.job.task, 'rescued', 0)
  letGo(data, entry)
  dropExpiry(data, entry)
  entry.crashes++

  if (entry.cancelRequestedAt !== undefined) finish(data, entry, { state: 'cancelled' })
  else if (entry.job.once || isLost(entry)) endLost(data, entry)
  else {
    lineUpAgain(data, entry)
    data.news.tell('rescued', entry)
  }
}

/** What has ended within this very call, after `endings`, is left to the next one. */
function prune(data: Data, limit: number, endings: number): number {
  const now = data.env.now()
  return upTo(limit, () => {
    for (let spot = data.retention.peek(); spot?.entry; spot = data.retention.peek()) {
      if (spot.first > now || spot.second > endings) return false
      const { entry } = spot
      data.retention.remove(spot)
      entry.pinned = neededByOthers(entry)
      if (entry.pinned) continue
      erase(data, entry)
      data.pruned.set(entry.id, now)
      return true
    }
    return false
  })
}

function forget(data: Data) {
  const now = data.env.now()
  forgetOldKeys(data)
  forgetRates(data)
  forgetMoves(data)
  for (const [id, at] of data.pruned) if (at + goneMs <= now) data.pruned.delete(id)
  for (const [key, { at }] of data.stats) if (at + statsMs <= now) data.stats.delete(key)
}

function upTo(limit: number, step: () => boolean): number {
  let done = 0
  while (done < limit && step()) done++
  return done
}
