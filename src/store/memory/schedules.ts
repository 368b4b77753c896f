/** Schedules as the memory engine keeps them: a rule nobody here reads, and the time it fires next. */
import { compareText } from '../../compare.ts'
import type { DueSchedules, NewSchedule, ScheduleRecord, Tick, TickAnswer } from '../store.ts'
import type { Data } from './data.ts'
import { present } from './entry.ts'
import { insertCall } from './insert.ts'

export function putSchedule(data: Data, { name, rule, when, nextAt }: NewSchedule): void {
  if (data.moving.schedules.has(name)) return
  const known = data.schedules.get(name)
  const declaredAt = data.env.now()

  if (!known) data.schedules.set(name, { name, rule, nextAt, paused: false, declaredAt })
  else if (known.rule === rule || (when !== undefined && known.rule.startsWith(when)))
    Object.assign(known, { rule, declaredAt })
  else Object.assign(known, { rule, nextAt, declaredAt })
}

export function pauseSchedule(data: Data, name: string, paused: boolean): boolean {
  const schedule = data.schedules.get(name)
  if (schedule) schedule.paused = paused
  return schedule !== undefined
}

export function getSchedules(data: Data, names: readonly string[]): (ScheduleRecord | undefined)[] {
  return names.map((name) => {
    const schedule = data.schedules.get(name)
    return schedule && present<ScheduleRecord>({ ...schedule, lastJob: schedule.lastJob })
  })
}

export function listSchedules(data: Data): ScheduleRecord[] {
  return [...data.schedules.values()].map((schedule) =>
    present<ScheduleRecord>({ ...schedule, lastJob: schedule.lastJob }),
  )
}

export function dueSchedules(data: Data, limit: number): DueSchedules {
  const now = data.env.now()
  const waiting = listSchedules(data)
    .filter(({ nextAt, paused }) => nextAt !== null && !paused)
    .toSorted((a, b) => a.nextAt! - b.nextAt! || compareText(a.name, b.name))
  const due = waiting.filter(({ nextAt }) => nextAt! <= now).slice(0, limit)
  const next = waiting[due.length]

  return { now, due, ...(next && { nextDueMs: Math.max(0, next.nextAt! - now) }) }
}

/** The comparison of times is what makes a tick fire at most once, however many fire it. */
export function fire(data: Data, { name, at, nextAt, job }: Tick): TickAnswer {
  const schedule = data.schedules.get(name)
  if (!schedule || schedule.paused || schedule.nextAt !== at) return 'stale'

  if (job) {
    const [outcome] = insertCall(data, [job])
    if (outcome!.kind === 'refused') return 'refused'
    schedule.lastJob = outcome!.kind === 'kept' ? outcome!.other : job.id
  }
  schedule.nextAt = nextAt
  return 'fired'
}
