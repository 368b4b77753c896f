/**
 * Finding jobs, newest first, in slices: a page looks at so many jobs and no more, and may be short.
 *
 * Where the states or the tag name few jobs, the slice is taken from their own place or index;
 * otherwise from the jobs in order.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { JobState } from '../../job.ts'
import { cursorAt, seqAt } from '../cursor.ts'
import { fieldEquals, pageLimit } from '../matching.ts'
import type { JobQuery, JobRecord } from '../store.ts'
import type { Reader } from './claimed-job.ts'
import { stateCode, type JobRow } from './job-row.ts'
import { recordOf } from './read.ts'
import type { Value } from './statements.ts'

const examinedPerPage = 10_000

type FieldFilter = NonNullable<JobQuery['input']>

interface Condition {
  readonly sql: string
  readonly values: readonly Value[]
}

interface Look extends Condition {
  /** The oldest number looked at. */
  readonly from?: number
}

export function find(
  reader: Reader,
  db: DatabaseSync,
  query: JobQuery,
  cursor?: string,
): { jobs: JobRecord[]; cursor?: string } {
  const limit = pageLimit(query)
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : seqAt(cursor)
  const source = sourceOf(query, reader.sql.anyLeaving.get() !== undefined)
  const look = source ? lookAmong(source, before) : lookAtAll(db, before)

  const { sql, values } = conditionsOf(reader, query)
  const rows = db
    .prepare(`select j.seq from errand_job j where ${look.sql} ${sql} order by j.seq desc limit ?`)
    .all(...look.values, ...values, limit) as { seq: number }[]
  const found = rows.map(({ seq }) => reader.sql.jobBySeq.get(seq) as JobRow).filter((job) => fieldsEqual(job, query))
  const jobs = found.map((job) => recordOf(reader, job))

  const next = rows.length === limit ? rows.at(-1)!.seq : nextSlice(db, source, look, before)
  return next === undefined ? { jobs } : { jobs, cursor: cursorAt(next) }
}

/** Numbers are almost without gaps, so a slice of all jobs is a range of them. */
function lookAtAll(db: DatabaseSync, before: number): Look {
  const { newest } = db.prepare('select max(seq) as newest from errand_job').get() as { newest: number | null }
  const end = Math.min(before, (newest ?? 0) + 1)
  const from = end - examinedPerPage
  return { sql: 'j.seq < ? and j.seq >= ?', values: [end, from], from }
}

function lookAmong(source: Condition, before: number): Look {
  return { sql: `j.seq in (${source.sql})`, values: atCursor(source, before) }
}

/** Where the next page begins to look, if there is anything left. */
function nextSlice(
  db: DatabaseSync,
  source: Condition | undefined,
  { from }: Look,
  before: number,
): number | undefined {
  if (!source) return db.prepare('select 1 from errand_job where seq < ? limit 1').get(from!) ? from : undefined

  const { n, oldest } = db
    .prepare(`select count(*) as n, min(seq) as oldest from (${source.sql})`)
    .get(...atCursor(source, before)) as { n: number; oldest: number }
  return n < examinedPerPage ? undefined : oldest
}

const atCursor = ({ values }: Condition, before: number) => values.map((value) => value ?? before)

/** Numbers of the jobs to look at, the newest before the cursor, where few are named. A null value stands for the cursor. */
function sourceOf({ tag, states }: JobQuery, anyLeaving: boolean): Condition | undefined {
  if (tag !== undefined) return slice('errand_tag where tag = ? and', [tag])

  // Those on their way have left their place.
  if (anyLeaving && states?.includes('scheduled')) return undefined
  const parts = states?.map((state) => placeOf[state])
  if (!parts?.length || parts.includes(undefined)) return undefined
  const slices = [...new Set(parts)].map((part) => slice(part!, []))
  if (slices.length === 1) return slices[0]!
  return {
    sql: `select seq from (${slices.map(({ sql }) => `select * from (${sql})`).join(' union all ')}) order by seq desc limit ${examinedPerPage}`,
    values: slices.flatMap(({ values }) => values),
  }
}

/** Ready jobs stand in an order of their own, and most jobs have succeeded: these two are looked for among all. */
const placeOf: Partial<Record<JobState, string>> = {
  scheduled: 'errand_delayed where',
  blocked: 'errand_blocked where',
  running: 'errand_claimed where',
  // The second condition is the index's own, which SQLite does not conclude from the first.
  failed: 'errand_final where state = 5 and state > 4 and',
  cancelled: 'errand_final where state = 6 and state > 4 and',
  expired: 'errand_final where state = 7 and state > 4 and',
}

function slice(from: string, values: readonly Value[]): Condition {
  return {
    sql: `select seq from ${from} seq < ? order by seq desc limit ${examinedPerPage}`,
    values: [...values, null],
  }
}

function conditionsOf({ names }: Reader, query: JobQuery): { sql: string; values: Value[] } {
  const { states, tasks, queues, createdFrom, createdTo, input, metadata } = query
  const conditions: Condition[] = []
  const add = (sql: string, ...values: Value[]) => conditions.push({ sql, values })

  if (states) add(`(${states.map(stateCondition).join(' or ') || 'false'})`)
  if (tasks)
    add(
      oneOf(
        'j.task',
        tasks.map((name) => names.findTask(name)),
      ),
    )
  if (queues)
    add(
      oneOf(
        'j.queue',
        queues.map((name) => names.findQueue(name)),
      ),
    )
  if (createdFrom !== undefined) add('j.created >= ?', createdFrom)
  if (createdTo !== undefined) add('j.created < ?', createdTo)
  if (input) add(...fieldCondition('j.input', input))
  if (metadata) add(...fieldCondition('j.metadata', metadata))

  return {
    sql: conditions.map(({ sql }) => `and ${sql}`).join(' '),
    values: conditions.flatMap(({ values }) => values),
  }
}

function stateCondition(state: JobState): string {
  const at = (place: string) => `exists (select 1 from errand_${place} p where p.seq = j.seq)`
  if (state === 'running') return at('claimed')
  const leaving = `exists (select 1 from errand_leaving p where p.seq = j.seq and p.state = ${stateCode.scheduled})`
  if (state === 'scheduled') return `(${at('delayed')} or ${leaving})`
  if (state === 'blocked') return at('blocked')
  if (state === 'ready') return `not (${['final', 'claimed', 'delayed', 'blocked'].map(at).join(' or ')} or ${leaving})`
  return `exists (select 1 from errand_final f where f.seq = j.seq and f.state = ${stateCode[state]})`
}

function oneOf(column: string, ids: readonly (number | undefined)[]): string {
  return `${column} in (${ids.filter((id) => id !== undefined).join()})`
}

/** Passes a few too many, since SQL has no booleans: `fieldsEqual` looks closely. */
function fieldCondition(column: string, { path, value }: FieldFilter): [sql: string, ...values: Value[]] {
  const names = path.split('.')
  if (names.some((name) => /["\\]/.test(name))) return ['true']
  return [
    `${column} ->> ? is ?`,
    `$.${names.map((name) => `"${name}"`).join('.')}`,
    typeof value === 'boolean' ? Number(value) : value,
  ]
}

function fieldsEqual(job: JobRow, { input, metadata }: JobQuery): boolean {
  if (input && !fieldEquals(job.input, input)) return false
  if (!metadata) return true
  return job.metadata !== null && fieldEquals(job.metadata, metadata)
}
