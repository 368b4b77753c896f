/** Both ends of a move, and the schedules that go along. */
import { checkPlaced, checkSchedules } from '../checked-times.ts'
import type { MovingStore } from '../moving.ts'
import type { Inspection, ScheduleRecord } from '../store.ts'
import { place } from './arriving.ts'
import type { Data, Schedule } from './data.ts'
import { present } from './entry.ts'
import { drop, leaving, stay, take } from './leaving.ts'
import { listSchedules } from './schedules.ts'

/** `step` runs its body as one step of the store. */
export function movingStore(step: <T>(body: (data: Data) => T) => T): MovingStore {
  return {
    status: async () => step((data) => status(data)),
    begin: async (to) => step(({ moving }) => (moving.to ??= { ...to })),
    end: async () => step(end),
    take: async (room, cursor) => step((data) => take(data, room, cursor)),
    leaving: async (room) => step((data) => leaving(data, room)),
    place: async (jobs) => {
      checkPlaced(jobs)
      return step((data) => jobs.map((job) => place(data, job)))
    },
    drop: async (taken) => step((data) => taken.filter((each) => drop(data, each)).length),
    stay: async (taken) => step((data) => taken.filter((each) => stay(data, each)).length),
    takeSchedules: async () => step(takeSchedules),
    placeSchedules: async (schedules) => {
      checkSchedules(schedules)
      step((data) => schedules.forEach((each) => placeSchedule(data, each)))
    },
    dropSchedules: async (names) => step((data) => names.forEach((name) => dropSchedule(data, name))),
  }
}

/** A mover that was killed leaves jobs which nobody can claim until it is started again. */
export function movingInspection({ leaving: jobs, to }: Data['moving']): Inspection[] {
  if (jobs.size === 0) return []
  const detail = `${jobs.size} jobs are on their way to ${to?.name ?? 'another store'} and wait for the mover.`
  return [{ subject: 'moving', verdict: 'warning', detail }]
}

function status({ moving, env }: Data): Awaited<ReturnType<MovingStore['status']>> {
  moving.identity ??= env.id()
  return { identity: moving.identity, ...(moving.to && { to: moving.to }), leaving: moving.leaving.size }
}

function end(data: Data): boolean {
  const leavingNow = [...data.moving.leaving.values()]
  if (leavingNow.some((entry) => !entry.leaving!.aside)) return false
  data.moving.to = undefined
  for (const { id, leaving: taken } of leavingNow) stay(data, { id, ticket: taken!.ticket })
  return true
}

function takeSchedules(data: Data): ScheduleRecord[] {
  for (const { name } of listSchedules(data)) {
    data.moving.schedules.set(name, data.schedules.get(name))
    data.schedules.delete(name)
  }
  return [...data.moving.schedules.values()].flatMap((schedule) => (schedule ? recordOf(schedule) : []))
}

function recordOf(schedule: Schedule): ScheduleRecord {
  return present<ScheduleRecord>({ ...schedule, lastJob: schedule.lastJob })
}

function placeSchedule({ schedules, moving }: Data, brought: ScheduleRecord) {
  moving.schedules.delete(brought.name)
  const known = schedules.get(brought.name)
  if (!known) return schedules.set(brought.name, { ...brought })

  known.paused ||= brought.paused
  known.declaredAt = Math.max(known.declaredAt, brought.declaredAt)
  if (brought.lastJob !== undefined) known.lastJob ??= brought.lastJob
  if (known.rule === brought.rule) known.nextAt = later(known.nextAt, brought.nextAt)
}

/** A schedule that has fired for the last time does not begin again. */
function later(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other)
}

function dropSchedule({ moving }: Data, name: string) {
  if (moving.schedules.has(name)) moving.schedules.set(name, undefined)
}
