/** Both ends of a move, and the schedules that go along. */
import { checkPlaced, checkSchedules } from '../checked-times.ts'
import type { MoveStatus, MoveTarget, MovingStore } from '../moving.ts'
import type { ScheduleRecord } from '../store.ts'
import { place } from './arriving.ts'
import { drop, leaving, stay, take } from './leaving.ts'
import { everySchedule } from './schedules.ts'
import type { Step } from './step.ts'

type Write = <T>(name: 'insert' | 'report', body: (step: Step) => T) => Promise<T>

/** `write` runs its body as one step, on the disk before it resolves. */
export function movingStore(writeAs: Write): MovingStore {
  const write = <T>(body: (step: Step) => T) => writeAs('report', body)
  return {
    status: () => write(status),
    begin: (to) => write((step) => begin(step, to)),
    end: () => write(end),
    take: (room, cursor) => write((step) => take(step, room, cursor)),
    leaving: (room) => write((step) => leaving(step, room)),
    // Refused on a full disk, like any job that comes in.
    async place(jobs) {
      checkPlaced(jobs)
      return writeAs('insert', (step) => jobs.map((job) => place(step, job)))
    },
    drop: (taken) => write((step) => taken.filter((each) => drop(step, each)).length),
    stay: (taken) => write((step) => taken.filter((each) => stay(step, each)).length),
    takeSchedules: () => write(takeSchedules),
    async placeSchedules(schedules) {
      checkSchedules(schedules)
      return write((step) => schedules.forEach((each) => placeSchedule(step, each)))
    },
    dropSchedules: (names) => write(({ sql }) => names.forEach((name) => sql.dropSchedule.run(name))),
  }
}

function status(step: Step): MoveStatus {
  const to = target(step)
  const { n: count } = step.sql.leavingCount.get() as { n: number }
  return { identity: identity(step), ...(to && { to }), leaving: count }
}

function identity({ sql, env }: Step): string {
  const { value } = sql.getMeta.get('identity') as { value: string }
  if (value !== '') return value

  const made = env.id()
  sql.setMeta.run(made, 'identity')
  return made
}

function target({ sql }: Step): MoveTarget | undefined {
  const { value } = sql.getMeta.get('moving to') as { value: string }
  return value === '' ? undefined : (JSON.parse(value) as MoveTarget)
}

function begin(step: Step, to: MoveTarget): MoveTarget {
  const before = target(step)
  if (before) return before

  const { identity: named, name } = to
  step.sql.setMeta.run(JSON.stringify({ identity: named, name }), 'moving to')
  return to
}

function end(step: Step): boolean {
  const { sql } = step
  if (sql.leavingInOrder.get(1)) return false
  sql.setMeta.run('', 'moving to')
  for (const { seq, until } of sql.aside.all() as { seq: number; until: number }[]) {
    sql.deleteLeaving.run(seq)
    step.pruneAt(until, seq)
  }
  return true
}

function takeSchedules(step: Step): ScheduleRecord[] {
  const { sql } = step
  for (const schedule of everySchedule(step)) {
    sql.leaveSchedule.run(schedule.name, JSON.stringify(schedule))
    sql.deleteSchedule.run(schedule.name)
  }
  return (sql.leavingSchedules.all() as { record: string }[]).map(({ record }) => JSON.parse(record) as ScheduleRecord)
}

function placeSchedule({ sql }: Step, brought: ScheduleRecord): void {
  const { name } = brought
  sql.returnSchedule.run(name)
  const known = sql.getSchedule.get(name) as KnownSchedule | undefined
  if (!known) {
    const { rule, nextAt, paused, lastJob = null, declaredAt } = brought
    sql.placeSchedule.run(name, rule, nextAt, paused ? 1 : 0, lastJob, declaredAt)
    return
  }
  const next = known.rule === brought.rule ? later(known.next, brought.nextAt) : known.next
  const paused = known.paused === 1 || brought.paused ? 1 : 0
  const declared = Math.max(known.declared, brought.declaredAt)
  sql.placeSchedule.run(name, known.rule, next, paused, known.last_job ?? brought.lastJob ?? null, declared)
}

interface KnownSchedule {
  readonly rule: string
  readonly next: number | null
  readonly paused: number
  readonly last_job: string | null
  readonly declared: number
}

/** A schedule that has fired for the last time does not begin again. */
function later(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other)
}
