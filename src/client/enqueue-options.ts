/** What may be said about one job when it is enqueued. */
import type { Duration } from '../duration.ts'
import type { Priority } from '../job.ts'
import type { FollowUpInput } from '../store/store.ts'
import type { Task } from '../task/task.ts'

/** What can be said of one job, or of a flow, when it is enqueued. */
export interface EnqueueOptions {
  /** Not before this long from now, by the store's clock. */
  delay?: Duration
  /** Not before this moment: a `Date`, or milliseconds since 1970. */
  at?: Date | number
  /** Ends `expired` unless it has started by then: so long from now, or a moment. @default the task's */
  expires?: Duration | Date
  /** @default the task's */
  priority?: Priority
  /** @default the task's */
  queue?: string
  /**
   * One job per key and task at a time; of a flow, one workflow per key. A text is short for `{ key }`. @default the task's
   */
  unique?: string | UniqueOptions
  /**
   * The job's id, if you have one: sending the same id twice is one job. @default a new UUIDv7
   */
  id?: string
  /** Does not start before these jobs have succeeded. If one ends otherwise, this one is cancelled. */
  after?: Dependency | readonly Dependency[]
  /** Only with `after`: `settled` starts it when they have ended, however that was. @default 'succeeded' */
  when?: 'succeeded' | 'settled'
  /** For finding jobs. */
  tags?: readonly string[]
  /** Travels with the job; plain JSON. */
  metadata?: Readonly<Record<string, unknown>>
  /** Enqueued by whoever makes the job succeed, in the same step. @default the task's */
  onSucceeded?: Task<FollowUpInput, any> | string
  /** Enqueued by whoever makes the job end failed or expired, in the same step. @default the task's */
  onFailed?: Task<FollowUpInput, any> | string
  /**
   * Enqueues inside this open transaction on the store's own database: a `node:sqlite` or better-sqlite3 connection to the
   * same file, a client of `pg`, or a transaction of Kysely or Drizzle. The job exists if and only if it commits.
   */
  tx?: unknown
}

/** A job by its id or handle. */
export type Dependency = string | { readonly id: string }

/** One job per key and task at a time. */
export interface UniqueOptions {
  /** A text of 1 to 500 characters. */
  key: string
  /** How long the key is taken: until the job is first started, or until it is final. @default 'active' */
  while?: 'waiting' | 'active'
  /** Taken for this long from the enqueueing instead, even if the job ends sooner. */
  for?: Duration
  /**
   * `keep`: nothing is added and the handle is the holder's, with `deduplicated` set. `replace`: a holder that has not
   * started is cancelled in favour of this one. With `delay`, that debounces. @default 'keep'
   */
  onConflict?: 'keep' | 'replace'
}

export const enqueueOptionNames: readonly (keyof EnqueueOptions)[] = [
  'delay',
  'at',
  'expires',
  'priority',
  'queue',
  'unique',
  'id',
  'after',
  'when',
  'tags',
  'metadata',
  'onSucceeded',
  'onFailed',
  'tx',
]

/** What one step of a flow may be told. */
export const stepOptionNames: readonly string[] = enqueueOptionNames.filter(
  (name) => !['id', 'tx', 'unique', 'after', 'when'].includes(name),
)
