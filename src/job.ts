/** A job's states, its priority, and the plain values that describe it. */

/** Where a job is in its life. The last four are final; only an explicit retry leaves them. */
export type JobState = 'scheduled' | 'blocked' | 'ready' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

/** How a job can have ended. */
export type FinalState = 'succeeded' | 'failed' | 'cancelled' | 'expired'

export const jobStates: readonly JobState[] = [
  'scheduled',
  'blocked',
  'ready',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
]

export function isFinal(state: JobState): state is FinalState {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled' || state === 'expired'
}

/** Within a queue, the more urgent go first. */
export type Priority = 'low' | 'normal' | 'high' | 'urgent'

/** A priority as engines order it: the lowest is claimed first. */
export type Rank = 0 | 1 | 2 | 3

export const priorities: readonly Priority[] = ['urgent', 'high', 'normal', 'low']

export const rankOf = (priority: Priority): Rank => priorities.indexOf(priority) as Rank
export const priorityOf = (rank: Rank): Priority => priorities[rank]!

/** An error as it is kept with a job: plain values, safe to show to whoever may see the job. */
export interface JobError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
}

/** How far a job has come, as its handler last said. */
export interface Progress {
  /** In whatever unit the handler counts. */
  readonly done: number
  /** What `done` counts towards. Left out where the end is not known. */
  readonly of?: number
  /** A few words on what is being done. */
  readonly note?: string
  /** Anything else worth showing; plain JSON. */
  readonly data?: unknown
}

/** How much a line of a job's log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A line of a job's log as it is kept; readers see a `LogLine`. */
export interface StoredLine {
  /** Milliseconds since 1970, by the clock of the worker that ran it. */
  readonly at: number
  readonly level: LogLevel
  readonly message: string
  /** Plain JSON. */
  readonly data?: unknown
}

/** A tag that begins so is Errand's own, a job has at most one, and every engine finds by it at the cost of what it finds. */
export const indexedTagPrefix = 'part-of:'

export const isIndexed = (tag: string): boolean => tag.startsWith(indexedTagPrefix)

export const indexedTagOf = ({ tags }: { readonly tags?: readonly string[] | undefined }): string | undefined =>
  tags?.find(isIndexed)
