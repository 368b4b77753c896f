/** Jobs on their way in: what is asked for, and what became of it. Part of the store contract; import it from store.ts. */
import type { FinalState, JobError, Rank } from '../../job.ts'
import type { Claim } from './turns.ts'

/** A moment: so long from now by the store's clock, or a time that somebody named. */
export type Due = { readonly inMs: number } | { readonly at: number }

export interface NewJob {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly rank: Rank
  /** Encoded; engines never look inside, except `find` by an input field. */
  readonly input: string
  /** May not start before. */
  readonly due?: Due
  /** Expires unless it has started by then. */
  readonly expires?: Due
  /** A rescue fails it instead of running it again. */
  readonly once?: boolean
  /** Least time to keep it once final; engines round up to the minute. */
  readonly keepSucceededMs: number
  readonly keepFailedMs: number
  readonly unique?: UniqueKey
  readonly lane?: Lane
  readonly rate?: Rate
  readonly after?: Dependencies
  /**
   * Whoever inserts it does so as the handler of this job: unless that runs under this claim, and nobody has asked to cancel it,
   * the whole call is refused. One job of a call says it for all. Not looked at in a transaction of the caller's, or in follow-ups.
   */
  readonly startedBy?: Claim
  /** Stays blocked until `release`d, whatever else it waits for. */
  readonly held?: boolean
  /** At most one of them `isIndexed` (job.ts): by that one, `find` costs what it finds. */
  readonly tags?: readonly string[]
  /** Encoded JSON object. */
  readonly metadata?: string
  /** Version of the task whose input this is. */
  readonly version?: number
  /** Paths in input, result, metadata, progress and log data that reading APIs mask. */
  readonly redact?: readonly string[]
  /** Inserted in the step that makes this job succeed, or end failed or expired. */
  readonly onSucceeded?: FollowUp
  readonly onFailed?: FollowUp
}

/** A job to insert when another ends. Its input is `FollowUpInput`, encoded; its id is the engine's to make. */
export type FollowUp = Pick<
  NewJob,
  'task' | 'queue' | 'rank' | 'keepSucceededMs' | 'keepFailedMs' | 'once' | 'version' | 'tags' | 'redact'
>

/** What a task gets as its input that `onSucceeded` or `onFailed` names: how the other job ended. */
export interface FollowUpInput {
  readonly id: string
  readonly task: string
  readonly state: FinalState
  readonly input: unknown
  readonly result?: unknown
  readonly error?: JobError
}

/** Keys are per task. `waiting`: until first claimed. `active`: until final. `forMs`: that long from the insert. */
export interface UniqueKey {
  readonly key: string
  readonly scope: 'waiting' | 'active' | { readonly forMs: number }
  /** `replace` cancels the holder if it has not started; otherwise it keeps it. `refuse` refuses the whole call. */
  readonly onConflict: 'keep' | 'replace' | 'refuse'
}

/** At most `slots` jobs of one name are out of the lane (ready, or running) at once. */
export interface Lane {
  readonly name: string
  readonly slots: number
  /**
   * Its jobs leave it in the order in which they came into it, whatever their rank. One that is given back with a delay keeps
   * its slot meanwhile, as with `keepsSlot`: whoever could not run it must not let the next one pass it.
   */
  readonly ordered?: true
  /** Its jobs are handed out in groups; `slots` counts for nothing then (give 1). */
  readonly gather?: Gather
}

/**
 * A group is ripe when `size` jobs stand in the lane, or when the first of them has stood there for `waitMs`. One of
 * them, the leader, is then ready for whoever has room for one job; the others are claimed along with it.
 */
export interface Gather {
  readonly size: number
  readonly waitMs: number
}

/** At most `tokens` starts of one name within any `perMs`. */
export interface Rate {
  readonly name: string
  readonly tokens: number
  readonly perMs: number
}

export interface Dependencies {
  /** Each job once. They may be part of the same call, before this job. */
  readonly on: readonly string[]
  /** What a member that ends failed, cancelled or expired does to this job. */
  readonly otherwise: 'cancel' | 'run'
}

/**
 * `exists`: this id was there before, with the same task and input. `kept`: another job holds the unique
 * key, nothing was added. `replaced`: added, and the other job cancelled. `refused`: the whole call was
 * refused because of this job (`conflict`: the id was there with another task or input; `unknown`: it
 * waits for a job that is not there; `taken`: another one holds the unique key, and it asks to be refused then; `stale`: the
 * job that has `startedBy` it may start nothing any more); its companions answer `refused` with `companion`.
 */
export type InsertOutcome =
  | { readonly kind: 'inserted' | 'exists' }
  | { readonly kind: 'kept' | 'replaced'; readonly other: string }
  | {
      readonly kind: 'refused'
      readonly reason: 'conflict' | 'unknown' | 'taken' | 'stale' | 'companion'
      readonly other?: string
    }
