/** Upkeep: what nobody asks for and time brings. A bounded amount per call, and twice is harmless. */
import { goneMs, movesMs, statsMs, upkeepDefaults } from '../rules.ts'
import type { UpkeepLimits, UpkeepResult } from '../store.ts'
import { expire } from './claim.ts'
import type { JobRow } from './job-row.ts'
import { ripen } from './groups.ts'
import { sweepRates } from './limits.ts'
import { leavePlace, goOn, isWaiting, whereIs } from './where.ts'
import { extendAfterSilence, loseSilent, rescue, stamp } from './lives.ts'
import { prune } from './prune.ts'
import type { Step } from './step.ts'
import { nextDueMs } from './turn.ts'
import { spread, spreadRest } from './telling.ts'
import { waitNoMore } from './waiting.ts'

/** How long events wait for a process that listens. */
const eventsMs = 60_000
const sweptPerCall = 500

export function upkeep(step: Step, given: Partial<UpkeepLimits> = {}): UpkeepResult {
  const limits = { ...upkeepDefaults, ...given }
  const extended = extendAfterSilence(step)

  const promoted = promote(step, limits.promote)
  const expired = expireOverdue(step, limits.expire)
  loseSilent(step)
  const rescued = rescue(step, limits.rescue)
  const told = spread(step, limits.spread)
  const followed = told + spreadRest(step, limits.spread - told)
  const pruned = prune(step, limits.prune)
  forget(step)
  step.flushLimits()
  const unused = sweepRates(step)
  ripen(step)
  stamp(step)

  const more =
    promoted >= limits.promote ||
    rescued >= limits.rescue ||
    expired >= limits.expire ||
    followed >= limits.spread ||
    step.leftReleasing ||
    pruned >= limits.prune ||
    unused
  step.flushLimits()
  const nextDue = nextDueMs(step)
  const done = { promoted, rescued, expired, spread: followed, pruned }
  return { more, ...done, extended, ...(nextDue !== undefined && { nextDueMs: nextDue }) }
}

function promote(step: Step, limit: number): number {
  const { sql, now } = step
  const rows = sql.dueDelayed.all(now, limit) as { seq: number; slot: number }[]
  for (const { seq, slot } of rows) {
    const job = sql.jobBySeq.get(seq) as JobRow
    sql.leaveDelayed.run(seq)
    waitNoMore(step, job)
    goOn(step, job, null, slot === 1)
    step.move(job.queue, 'scheduled', 'ready')
    step.tell('ready', job, 'ready', job.failures)
  }
  return rows.length
}

/** A job that runs keeps its deadline until it is settled, since it may be given back unstarted. */
function expireOverdue(step: Step, limit: number): number {
  const { sql, now } = step
  let expired = 0
  while (expired < limit) {
    const rows = sql.deadlinesDue.all(now, limit - expired) as { at: number; seq: number }[]
    for (const { at, seq } of rows) {
      sql.deleteDeadline.run(at, seq)
      if (expireJob(step, seq)) expired++
    }
    if (rows.length === 0) break
  }
  return expired
}

function expireJob(step: Step, seq: number): boolean {
  const job = step.sql.jobBySeq.get(seq) as JobRow | undefined
  if (!job) return false
  const where = whereIs(step, job)
  if (!isWaiting(where.state)) return false

  leavePlace(step, job, where)
  expire(step, job, where.state as 'scheduled' | 'blocked' | 'ready')
  return true
}

function forget({ sql, now, env }: Step): void {
  sql.sweepKeys.run(now, sweptPerCall)
  sql.forgetStats.run(now - statsMs)
  sql.forgetEvents.run(now - eventsMs)
  sql.forgetListeners.run(env.monotonic())
  sql.forgetDeparted.run(now - movesMs, sweptPerCall)
  sql.forgetArrived.run(now - movesMs, sweptPerCall)
  const oldest = sql.oldestGone.get() as { at: number } | undefined
  if (oldest && oldest.at <= now - goneMs) sql.forgetGone.run(sweptPerCall, now - goneMs)
}
