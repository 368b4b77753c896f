/** What workers say to a store, and what it hands them. Part of the store contract; import it from store.ts. */
import type { FinalState, JobError, StoredLine, Progress, Rank } from '../../job.ts'
import type { Outcome } from '../../outcome.ts'
import type { NewJob } from './jobs.ts'

export type IncarnationId = string

/** What became of a settlement inside a transaction of the caller's. */
export type SettledWith = 'settled' | 'stale' | 'cancelling'

export interface NewWorker {
  readonly name: string
  readonly host: string
  readonly pid: number
  readonly queues: readonly string[]
  readonly tasks: readonly string[]
  readonly slots: number
  readonly leaseMs: number
}

export interface WorkerRecord extends NewWorker {
  readonly incarnation: IncarnationId
  readonly startedAt: number
  /** Milliseconds until it is believed dead. */
  readonly leaseLeftMs: number
  readonly running: number
}

/**
 * One claiming of one job. `claim` is the fence: it grows with each claiming of a job and is never used
 * again. Engines may carry notes of their own on the object they hand out; the runtime passes it back whole.
 */
export interface Claim {
  readonly id: string
  readonly claim: number
}

export interface Turn {
  readonly incarnation: IncarnationId
  /** Ended since the last turn. */
  readonly settled: readonly Settlement[]
  /** Not ended, and to be claimed again. */
  readonly givenBack: readonly GivenBack[]
  /** What can be started now. */
  readonly room: readonly Room[]
  /** This worker is about to sleep: whoever brings work should wake it. */
  readonly park?: boolean
}

export interface GivenBack {
  readonly claim: Claim
  /** Keeps it from being claimed again so soon. */
  readonly delayMs?: number
  /** Its handler was called: it has started, so it does not expire any more, and the token of its rate is used. */
  readonly started?: true
}

/** Claims at most `jobs` from these queues, the earlier queue first, and the last `bottomUp` of them from the lowest priority up. */
export interface Room {
  readonly queues: readonly string[]
  readonly jobs: number
  readonly bottomUp: number
}

export interface Settlement {
  readonly claim: Claim
  readonly outcome: Outcome
  /** How long it ran, for statistics. */
  readonly ranMs: number
  /** Added if and only if this settlement is accepted and the outcome is 'succeeded'. */
  readonly followUps?: readonly NewJob[]
  /**
   * Where the outcome makes the job wait (a retry, or `wait`): its slot of the lane stays its own meanwhile, and when it
   * is time it goes straight to the ready line. Means nothing without a lane, or in one that gathers.
   */
  readonly keepsSlot?: true
  /** No job of this job's rate starts before that long from now. The latest such time counts. */
  readonly closesRateMs?: number
}

export type TurnResult =
  | { readonly gone: true }
  | {
      readonly gone: false
      /** Settlements and give-backs whose claim is no longer held; nothing of them was written. */
      readonly stale: readonly Claim[]
      readonly claimed: readonly ClaimedJob[]
      /** Jobs of this incarnation whose cancel was asked for since its last turn. */
      readonly cancels: readonly Claim[]
      readonly messages: readonly ControlMessage[]
      /** There may be more to claim at once. */
      readonly more: boolean
      /**
       * Milliseconds until a waiting job is due or expires, or the next token of a rate or a group falls due, if any is
       * known: 0 where upkeep has something to do now. What can be had already is not told.
       */
      readonly nextDueMs?: number
    }

export interface Resynced {
  readonly held: ClaimedJob[]
  readonly messages: readonly ControlMessage[]
}

export interface ClaimedJob extends Claim {
  readonly task: string
  readonly queue: string
  readonly rank: Rank
  readonly input: string
  /** 1 the first time; raised by attempts that threw. */
  readonly attempt: number
  /** How often its worker went silent. */
  readonly crashes: number
  /** Of a job whose lane gathers: the job that leads the group with which it was claimed, itself perhaps. */
  readonly leader?: string
  readonly version?: number
  readonly metadata?: string
  readonly redact?: readonly string[]
  readonly cancelRequested?: boolean
  readonly createdAt: number
  /** What it waited for; `moreMembers` says that the rest must be read with `members`. */
  readonly members?: readonly Member[]
  readonly moreMembers?: boolean
  /** Step results of earlier attempts, encoded, by name. All of them, however many there are. */
  readonly steps?: Readonly<Record<string, string>>
}

/** A job that another one waited for. */
export interface Member {
  readonly index: number
  readonly id: string
  readonly state: FinalState
  readonly result?: string | null
  readonly error?: JobError
}

export type WaitResult = 'work' | 'control' | 'time'

export type Report =
  | { readonly kind: 'progress'; readonly claim: Claim; readonly progress: Progress }
  | { readonly kind: 'log'; readonly claim: Claim; readonly line: StoredLine }
  | { readonly kind: 'step'; readonly claim: Claim; readonly name: string; readonly result: string }

/** `stale`: the claim is no longer held, nothing was written. `duplicate`: this step has a result already. */
export type ReportAnswer = 'written' | 'stale' | 'duplicate'

/** How many of each one call of `upkeep` may do. */
export interface UpkeepLimits {
  readonly promote: number
  readonly rescue: number
  readonly expire: number
  readonly spread: number
  readonly prune: number
}

export interface UpkeepResult {
  /** A limit was reached: call again. */
  readonly more: boolean
  readonly promoted: number
  readonly rescued: number
  readonly expired: number
  readonly spread: number
  readonly pruned: number
  /** The store was silent, so leases were extended instead of rescuing. */
  readonly extended: boolean
  readonly nextDueMs?: number
}

export type ControlMessage =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'resize'; readonly slots: number }
