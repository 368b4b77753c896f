/** Both ends of a move, and the schedules that go along. What each call decides is in migrations/0010 and 0011. */
import type { Env } from '../../env.ts'
import { checkPlaced, checkSchedules } from '../checked-times.ts'
import type { MoveRoom, MoveStatus, MoveTarget, MoveTicket, MovingJob, MovingStore, PlaceAnswer } from '../moving.ts'
import type { Inspection, ScheduleRecord } from '../store.ts'
import type { Clock } from './clock.ts'
import { namedIn } from './encode.ts'
import { queuesIn } from './inserter.ts'
import { followUpsIn, movingJob, newJobOf, placingSpec, type TravellingRow } from './moving-job.ts'
import type { Names } from './names.ts'
import { scheduleOf, type ScheduleRow } from './schedules.ts'
import type { Statements } from './statements.ts'

/** However many are asked for: nobody else gets through the gate meanwhile. */
const jobsPerCall = 200

export interface MovingParts {
  readonly env: Env
  readonly clock: Clock
  readonly statements: Statements
  readonly names: Names
  /** Work has come into these queues, and perhaps before the place where claims go on. */
  readonly arrived: (queues: readonly number[]) => void
}

export function movingStore(parts: MovingParts): MovingStore {
  const { clock, statements } = parts
  const now = () => clock().now

  return {
    status: () => status(parts),
    begin: (to) => begin(statements, to),
    async end() {
      return (await statements.one<{ ended: boolean }>('select errand.end_move() as ended')).ended
    },
    take: (room, cursor) => take(parts, room, cursor),
    async leaving({ jobs, bytes }) {
      const text = 'select errand.still_leaving($1, $2) as nos'
      const { nos } = await statements.one<{ nos: string[] }>(text, [Math.min(jobs, jobsPerCall), bytes])
      return travelling(parts, nos)
    },
    place: (jobs) => place(parts, jobs),
    async drop(taken) {
      const text = 'select errand.drop_left($1, $2, $3) as dropped'
      return (await statements.one<{ dropped: number }>(text, [now(), ...ticketsOf(taken)])).dropped
    },
    async stay(taken) {
      const text = 'select * from errand.stay_here($1, $2, $3)'
      const answer = await statements.one<{ stayed: number; arrivals: string | null }>(text, [
        now(),
        ...ticketsOf(taken),
      ])
      parts.arrived(queuesIn(answer.arrivals))
      return answer.stayed
    },
    async takeSchedules() {
      const rows = await statements.all<{ schedule: ScheduleRow }>('select errand.take_schedules() as schedule')
      return rows.map(({ schedule }) => scheduleOf(schedule))
    },
    async placeSchedules(schedules) {
      checkSchedules(schedules)
      await statements.all('select errand.place_schedules($1)', [JSON.stringify(schedules.map(scheduleSpec))])
    },
    async dropSchedules(names) {
      await statements.all('update errand.left_schedule set record = null where name = any ($1)', [names])
    },
  }
}

/** A mover that was killed leaves jobs which nobody can claim until it is started again. */
export async function movingInspection(statements: Statements): Promise<Inspection[]> {
  const { leaving, target } = await statements.one<StatusRow>(statusText)
  if (Number(leaving) === 0) return []

  const there = target?.name ?? 'another store'
  const detail = `${leaving} jobs are on their way to ${there} and wait for the mover. If it does not run, start it again: errand move.`
  return [{ subject: 'moving', verdict: 'warning', detail }]
}

interface StatusRow {
  readonly identity: string | null
  readonly target: MoveTarget | null
  readonly leaving: string
}

const statusText = 'select identity, target, (select count(*) from errand.leaving) as leaving from errand.moving'

async function status({ statements, env }: MovingParts): Promise<MoveStatus> {
  await statements.all('update errand.moving set identity = $1 where identity is null', [env.id()])
  const { identity, target, leaving } = await statements.one<StatusRow>(statusText)
  return { identity: identity!, ...(target && { to: target }), leaving: Number(leaving) }
}

async function begin(statements: Statements, { identity, name }: MoveTarget): Promise<MoveTarget> {
  const text = 'update errand.moving set target = coalesce(target, $1) returning target'
  return (await statements.one<{ target: MoveTarget }>(text, [JSON.stringify({ identity, name })])).target
}

async function take(
  parts: MovingParts,
  { jobs, bytes }: MoveRoom,
  cursor?: string,
): Promise<{ jobs: MovingJob[]; cursor?: string }> {
  const { env, clock, statements } = parts
  const at = cursor === undefined ? [null, null, null] : placeAt(cursor)
  const text = 'select * from errand.take_leaving($1, $2, $3, $4, $5, $6, $7)'
  const values = [clock().now, env.id(), Math.min(jobs, jobsPerCall), bytes, ...at]
  const { nos, arrivals, ...next } = await statements.one<Taken>(text, values)
  parts.arrived(queuesIn(arrivals))

  const page = await travelling(parts, nos)
  return next.part === null ? { jobs: page } : { jobs: page, cursor: cursorAt(next) }
}

interface Looking {
  readonly part: number | null
  readonly again: boolean
  readonly after: string[] | null
}

interface Taken extends Looking {
  readonly nos: string[]
  readonly arrivals: string | null
}

const cursorAt = ({ part, again, after }: Looking) => [part, again, ...(after ?? [])].join(':')

function placeAt(cursor: string): [part: string, again: string, after: string[] | null] {
  const [part = '0', again = 'false', ...after] = cursor.split(':')
  return [part, again, after.length > 0 ? after : null]
}

/** Nobody changes them, so they are read after the call that has taken them. */
async function travelling({ clock, statements, names }: MovingParts, nos: readonly string[]): Promise<MovingJob[]> {
  if (nos.length === 0) return []

  const text = `select r.*, t.ticket, t.more as beyond from errand.records($1) with ordinality r
    join errand.travelling($1, $2) t on t.no = r.no order by r.ordinality`
  const rows = await statements.all<TravellingRow>(text, [nos, clock().now])
  const followUps = followUpsIn(rows)
  await names.knowNumbers(
    followUps.map(({ queue }) => queue),
    followUps.map(({ task }) => task),
  )
  return rows.map((row) => movingJob(row, names))
}

async function place(parts: MovingParts, jobs: readonly MovingJob[]): Promise<PlaceAnswer[]> {
  const { clock, statements, names } = parts
  if (jobs.length === 0) return []

  checkPlaced(jobs)
  const { answers, arrivals } = await names.numbered(namedIn(jobs.map(newJobOf)), () =>
    statements.one<{ answers: PlaceAnswer[]; arrivals: string | null }>('select * from errand.place($1, $2)', [
      clock().now,
      JSON.stringify(jobs.map((job) => placingSpec(job, names))),
    ]),
  )
  parts.arrived(queuesIn(arrivals))
  return answers
}

const ticketsOf = (taken: readonly MoveTicket[]) => [taken.map(({ id }) => id), taken.map(({ ticket }) => ticket)]

function scheduleSpec({ name, rule, nextAt, paused, lastJob, declaredAt }: ScheduleRecord) {
  return { name, rule, next_at: nextAt, paused, last_job: lastJob, declared: declaredAt }
}
