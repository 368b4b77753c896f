/** Schedules: a rule nobody here reads, and the time it fires next. */
import { checkTicks } from '../checked-times.ts'
import type { ScheduleRecord, ScheduleStore, Tick, TickAnswer } from '../store.ts'
import type { Clock } from './clock.ts'
import { number, present } from './decode.ts'
import { namedIn, specOf } from './encode.ts'
import { queuesIn } from './inserter.ts'
import type { Names } from './names.ts'
import type { Statements } from './statements.ts'

const schedulesPerPage = 500

export interface ScheduleRow {
  readonly name: string
  readonly rule: string
  readonly next_at: string | null
  readonly paused: boolean
  readonly last_job: string | null
  readonly declared: string
}

export interface ScheduleParts {
  readonly clock: Clock
  readonly statements: Statements
  readonly names: Names
  readonly arrived: (queues: readonly number[]) => void
}

export function schedulesOf({ clock, statements, names, arrived }: ScheduleParts): ScheduleStore {
  const due = 'next_at is not null and not paused'

  return {
    async put(schedules) {
      const [all, rules, next] = [
        schedules.map(({ name }) => name),
        schedules.map(({ rule }) => rule),
        schedules.map(({ nextAt }) => nextAt),
      ]
      const whens = JSON.stringify(Object.fromEntries(schedules.map(({ name, when }) => [name, when])))
      if (all.length > 0) {
        await statements.all('select errand.put_schedules($1, $2, $3, $4, $5)', [clock().now, all, rules, next, whens])
      }
    },
    async pause(name, paused) {
      const text = 'update errand.schedule set paused = $2 where name = $1 returning name'
      return (await statements.all(text, [name, paused])).length > 0
    },
    async remove(all) {
      return (await statements.all('delete from errand.schedule where name = any ($1) returning name', [all])).length
    },
    async get(all) {
      const text = 'select * from errand.schedule where name = any ($1)'
      const rows = await statements.all<ScheduleRow>(text, [all])
      const found = new Map(rows.map((row) => [row.name, scheduleOf(row)]))
      return all.map((name) => found.get(name))
    },
    async list(cursor = '') {
      const text = 'select * from errand.schedule where name > $1 order by name limit $2'
      const rows = await statements.all<ScheduleRow>(text, [cursor, schedulesPerPage])
      const schedules = rows.map(scheduleOf)
      return rows.length < schedulesPerPage ? { schedules } : { schedules, cursor: rows.at(-1)!.name }
    },
    async due(limit) {
      const inOrder = 'order by next_at, name collate "C"'
      // One row with the time alone where there is no schedule.
      const text = `select c.now, errand.mark_of_store() as life, s.* from errand.begin($1, null) c
        left join lateral (select * from errand.schedule where ${due} ${inOrder} limit $2) s on true ${inOrder}`
      const rows = await statements.all<ScheduleRow & { now: string; life: string }>(text, [clock().now, limit + 1])
      const now = Number(rows[0]!.now)
      const ahead = rows.filter(({ name }) => name !== null)
      const falling = ahead.filter((row, at) => at < limit && Number(row.next_at) <= now)
      const next = ahead[falling.length]
      return {
        now,
        due: falling.map(scheduleOf),
        ...(next && { nextDueMs: Math.max(0, Number(next.next_at) - now) }),
        life: rows[0]!.life,
      }
    },
    async fire(ticks) {
      checkTicks(ticks)
      const named = namedIn(ticks.flatMap(({ job }) => job ?? []))
      const answer = await names.numbered(named, () =>
        statements.one<{ answers: TickAnswer[]; arrivals: string | null }>('select * from errand.fire($1, $2)', [
          clock().now,
          JSON.stringify(ticks.map((tick) => specOfTick(tick, names))),
        ]),
      )
      arrived(queuesIn(answer.arrivals))
      return answer.answers
    },
  }
}

function specOfTick({ name, at, nextAt, job }: Tick, names: Names) {
  return { name, at, next: nextAt, ...(job && { job: specOf(job, names) }) }
}

export function scheduleOf({ name, rule, next_at, paused, last_job, declared }: ScheduleRow): ScheduleRecord {
  return present<ScheduleRecord>({
    name,
    rule,
    nextAt: next_at === null ? null : Number(next_at),
    paused,
    lastJob: last_job ?? undefined,
    declaredAt: number(declared)!,
  })
}
