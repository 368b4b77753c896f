/** Finding jobs, and doing something to all that are found. */
import type { Codec } from '../codec.ts'
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { jobStates, type JobState } from '../job.ts'
import { checkOptions } from '../options.ts'
import type { Env } from '../env.ts'
import type { JobQuery, Store } from '../store/store.ts'
import type { ReadOptions } from './handle.ts'
import { jobInfo, type JobInfo } from './job-info.ts'

type Field = Readonly<Record<string, string | number | boolean | null>>

/** Which jobs. Everything given must hold. */
export interface JobsQuery {
  state?: JobState | readonly JobState[]
  task?: string | readonly string[]
  queue?: string | readonly string[]
  tag?: string
  /** Enqueued since: a moment, or so long ago. */
  since?: Date | Duration
  /** Enqueued before. */
  until?: Date | Duration
  /** One field of the input, by dotted path: `{ 'user.id': 7 }`. */
  input?: Field
  /** One field of the metadata, likewise. */
  metadata?: Field
}

/** Which page of what a query finds. */
export interface PageOptions extends ReadOptions {
  /** Jobs a page may have. @default 50, at most 500 */
  limit?: number
  /** Where the page before ended. */
  cursor?: string
}

/** One page of jobs. */
export interface JobsPage {
  /** Newest first. A page may be short, even empty, and still have a cursor. */
  readonly jobs: readonly JobInfo[]
  /** Left out on the last page. */
  readonly cursor?: string
}

/** How something is done to all that a query finds. */
export interface BulkOptions {
  /** Only counts what would be done. @default false */
  dryRun?: boolean
}

/** What came of it. */
export interface BulkAnswer {
  /** Jobs that the query found. */
  readonly matched: number
  /** How many were done what was asked; the rest had moved on meanwhile. */
  readonly done: number
}

const list = <T>(value: T | readonly T[] | undefined): readonly T[] | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? value : [value as T]

function momentOf(value: Date | Duration, where: string, now: number): number {
  if (!(value instanceof Date)) return now - durationMs(value, where)
  if (Number.isNaN(value.getTime())) throw new InvalidOptionError(where, value, 'a valid Date or a duration')

  return value.getTime()
}

function fieldOf(
  field: Field | undefined,
  where: string,
): { path: string; value: string | number | boolean | null } | undefined {
  if (field === undefined) return undefined
  const [first, ...others] = Object.entries(field)
  if (!first || others.length > 0) throw new InvalidOptionError(where, field, 'one path and the value it has')

  return { path: first[0], value: first[1] }
}

const queryNames = ['state', 'task', 'queue', 'tag', 'since', 'until', 'input', 'metadata'] as const

/**
 * The store's query of what people ask.
 *
 * @throws UnknownOptionError, InvalidOptionError
 */
export function storeQuery(query: JobsQuery, now: number, limit?: number): JobQuery {
  checkOptions(query, queryNames, 'the query')
  const states = list(query.state)
  const unknown = states?.find((state) => !jobStates.includes(state))
  if (unknown !== undefined) throw new InvalidOptionError('`state`', unknown, `one of ${jobStates.join(', ')}`)
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= 500)) {
    throw new InvalidOptionError('`limit`', limit, 'a whole number from 1 to 500')
  }
  const input = fieldOf(query.input, '`input` of the query')
  const metadata = fieldOf(query.metadata, '`metadata` of the query')
  const tasks = list(query.task)
  const queues = list(query.queue)

  return {
    ...(states && { states }),
    ...(tasks && { tasks }),
    ...(queues && { queues }),
    ...(query.tag !== undefined && { tag: query.tag }),
    ...(query.since !== undefined && { createdFrom: momentOf(query.since, '`since`', now) }),
    ...(query.until !== undefined && { createdTo: momentOf(query.until, '`until`', now) }),
    ...(input && { input }),
    ...(metadata && { metadata }),
    ...(limit !== undefined && { limit }),
  }
}

/** One page of the jobs that a query finds. */
export async function findJobs(
  store: Store,
  env: Env,
  codec: Codec,
  query: JobsQuery & PageOptions,
): Promise<JobsPage> {
  const { limit, cursor, reveal = false, ...which } = query
  const page = await store.find(storeQuery(which, env.now(), limit), cursor)

  return {
    jobs: page.jobs.map((record) => jobInfo(record, codec, reveal)),
    ...(page.cursor !== undefined && { cursor: page.cursor }),
  }
}

/** Applies `act` to everything found, page by page; `acted` tells from an answer whether it was done. */
export async function forEachFound<Answer>(
  store: Store,
  query: JobQuery,
  options: BulkOptions,
  act: (ids: string[]) => Promise<Answer[]>,
  acted: (answer: Answer) => boolean,
): Promise<BulkAnswer> {
  checkOptions(options, ['dryRun'], 'the options of a bulk action')
  const { dryRun = false } = options
  let matched = 0
  let done = 0
  let cursor: string | undefined

  do {
    const page = await store.find({ ...query, limit: Math.min(500, store.limits.idsPerCall) }, cursor)
    matched += page.jobs.length
    if (!dryRun && page.jobs.length > 0) done += (await act(page.jobs.map(({ id }) => id))).filter(acted).length
    cursor = page.cursor
  } while (cursor !== undefined)

  return { matched, done }
}
