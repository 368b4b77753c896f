/** Jobs as they are kept: what is read of them, asked for, and answered. Part of the store contract; import it from store.ts. */
import type { FinalState, JobError, JobState, StoredLine, Progress, Rank } from '../../job.ts'
import type { Outcome } from '../../outcome.ts'
import type { Due } from './jobs.ts'
import type { IncarnationId } from './turns.ts'

export interface SettledJob {
  readonly id: string
  /** 'gone': pruned lately. 'unknown': never seen, or removed. */
  readonly state: FinalState | 'gone' | 'unknown'
  readonly result?: string | null
  readonly error?: JobError
}

export interface JobChange {
  readonly rank?: Rank
  /** In the past or at once: ready now, at the end of its line. */
  readonly due?: Due
  readonly input?: string
  /** Version of the task whose input this is. A new input without one has none. */
  readonly version?: number
}

/** `running` and `final`: nothing was changed. */
export type ChangeAnswer = 'changed' | 'running' | 'final' | 'unknown'
/** `cancelling`: it runs, and ends cancelled once it has heard of it. `final`: it had ended before. */
export type CancelAnswer = 'cancelled' | 'cancelling' | 'final' | 'unknown'
/** `not final`: it may still end by itself, so nothing was done. */
export type RetryAnswer = 'retried' | 'not final' | 'unknown'
/** `running`: nothing was done. */
export type RemoveAnswer = 'removed' | 'running' | 'unknown'
export type ReleaseAnswer = 'released' | 'not held' | 'unknown'

export interface JobRecord {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly rank: Rank
  readonly state: JobState
  readonly input: string
  readonly result?: string | null
  /** Of the last attempt that threw, or why it ended. */
  readonly error?: JobError
  /** Attempts that ended so far, plus the one under way. */
  readonly attempt: number
  readonly crashes: number
  readonly createdAt: number
  /** When it falls due, while scheduled. */
  readonly dueAt?: number
  readonly expiresAt?: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly cancelRequestedAt?: number
  readonly incarnation?: IncarnationId
  readonly progress?: Progress
  readonly tags?: readonly string[]
  readonly metadata?: string
  readonly unique?: string
  readonly version?: number
  readonly redact?: readonly string[]
  /** The job whose end cancelled this one. */
  readonly because?: string
  /** How many jobs it still waits for: while blocked, or scheduled where it waits for a time as well. */
  readonly pending?: number
  readonly held?: boolean
}

export interface AttemptRecord {
  readonly attempt: number
  readonly at: number
  readonly error: JobError
}

export interface JobHistory {
  readonly attempts: readonly AttemptRecord[]
  readonly log: readonly StoredLine[]
}

export interface JobQuery {
  readonly states?: readonly JobState[]
  readonly tasks?: readonly string[]
  readonly queues?: readonly string[]
  readonly tag?: string
  readonly createdFrom?: number
  readonly createdTo?: number
  /** Equality of one field of the input, by dotted path: `{ path: 'user.id', value: 7 }`. */
  readonly input?: { readonly path: string; readonly value: string | number | boolean | null }
  /** Equality of one field of the metadata, likewise. */
  readonly metadata?: { readonly path: string; readonly value: string | number | boolean | null }
  /** @default 50, at most 500 */
  readonly limit?: number
}

export interface QueueCounts {
  readonly queue: string
  readonly paused: boolean
  readonly states: Readonly<Record<JobState, number>>
}

/** What is left out stays as it is. */
export interface LimitValue {
  readonly slots?: number
  readonly tokens?: number
  readonly perMs?: number
}

export interface LimitQuery {
  readonly prefix?: string
  /** Only names behind this one. */
  readonly after?: string
  /** @default 100, at most 500 */
  readonly limit?: number
}

/** A lane, a rate, or both where they have one name. */
export interface LimitRecord {
  readonly name: string
  /** Of a lane. */
  readonly slots?: number
  /** Jobs that hold a slot. */
  readonly taken?: number
  /** Jobs that stand in the lane. */
  readonly waiting?: number
  /** Of a rate. */
  readonly tokens?: number
  readonly perMs?: number
  /** How many jobs of the rate may start now. */
  readonly free?: number
  /** For how long still a settlement has closed the rate. */
  readonly closedForMs?: number
  /** Its value was set by hand, and no insert changes it. */
  readonly pinned: boolean
}

export interface StatRow {
  /** Start of the minute. */
  readonly at: number
  readonly task: string
  readonly outcome: Outcome['kind'] | 'expired' | 'rescued'
  readonly count: number
  readonly ranMs: number
}

/** One thing that a store, or the doctor, has to say. */
export interface Inspection {
  /** What it is about: `durability`, `memory`, `queue email`. */
  readonly subject: string
  /** `bad`: jobs may be lost, or do not run. */
  readonly verdict: 'good' | 'warning' | 'bad'
  /** What was found and, where it is not good, what to do. */
  readonly detail: string
}
