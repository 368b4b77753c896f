/** Schedules: a rule nobody here reads, and the time it fires next. */
import { checkTicks } from '../checked-times.ts'
import type { DueSchedules, NewSchedule, SchedulePage, ScheduleRecord, Tick, TickAnswer } from '../store.ts'
import { insertCall } from './insert.ts'
import type { Step } from './step.ts'
import type { Statements } from './statements.ts'

const schedulesPerPage = 500

interface ScheduleRow {
  readonly name: string
  readonly rule: string
  readonly next: number | null
  readonly paused: number
  readonly last_job: string | null
  readonly declared: number
}

export function putSchedules({ sql, now }: Step, schedules: readonly NewSchedule[]): void {
  for (const { name, rule, when = null, nextAt } of schedules) {
    if (!sql.hasLeftSchedule.get(name)) sql.putSchedule.run(name, rule, nextAt, now, when)
  }
}

export function getSchedules({ sql }: { sql: Statements }, names: readonly string[]): (ScheduleRecord | undefined)[] {
  return names.map((name) => {
    const row = sql.getSchedule.get(name) as ScheduleRow | undefined
    return row && recordOf(row)
  })
}

export function everySchedule({ sql }: { sql: Statements }): ScheduleRecord[] {
  return (sql.schedulesAfter.all('', -1) as ScheduleRow[]).map(recordOf)
}

/** Answers how many of them there were. */
export function removeSchedules({ sql }: Step, names: readonly string[]): number {
  return names.filter((name) => Number(sql.deleteSchedule.run(name).changes) > 0).length
}

/** By name, from the one after the cursor on. */
export function listSchedules({ sql }: { sql: Statements }, after = ''): SchedulePage {
  const schedules = (sql.schedulesAfter.all(after, schedulesPerPage) as ScheduleRow[]).map(recordOf)
  return schedules.length < schedulesPerPage ? { schedules } : { schedules, cursor: schedules.at(-1)!.name }
}

export function dueSchedules({ sql, now }: { sql: Statements; now: number }, limit: number): DueSchedules {
  const rows = sql.nextSchedules.all(limit + 1) as (ScheduleRow & { next: number })[]
  const due = rows.slice(0, limit).filter(({ next }) => next <= now)
  const following = rows[due.length]

  return { now, due: due.map(recordOf), ...(following && { nextDueMs: Math.max(0, following.next - now) }) }
}

function recordOf(row: ScheduleRow): ScheduleRecord {
  return {
    name: row.name,
    rule: row.rule,
    nextAt: row.next,
    paused: row.paused === 1,
    ...(row.last_job !== null && { lastJob: row.last_job }),
    declaredAt: row.declared,
  }
}

/** The comparison of times is what makes a tick fire at most once, however many fire it. */
export function fire(step: Step, tick: Tick): TickAnswer {
  checkTicks([tick])
  const { name, at, nextAt, job } = tick
  const { sql } = step
  if (sql.advanceSchedule.run(nextAt, name, at).changes === 0) return 'stale'
  if (!job) return 'fired'

  const outcome = insertCall(step, [job])[0]!
  if (outcome.kind === 'refused') {
    sql.setScheduleTime.run(at, name)
    return 'refused'
  }
  sql.setLastJob.run(outcome.kind === 'kept' ? outcome.other : job.id, name)
  return 'fired'
}
