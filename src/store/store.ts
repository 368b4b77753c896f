/**
 * The store contract: all that the runtime asks of an engine.
 *
 * A store keeps jobs and moves them between states; it never runs one and decides
 * nothing: retry delays, cron and workflow shapes are the runtime's. Each method
 * takes and returns batches, is one round trip, and is one atomic step, so any number
 * of workers may call it at once. docs/design/store-contract.md is the page for the
 * author of a new engine; the suite in src/testing/conformance is the other half of
 * this contract, and the memory engine its plainest reading.
 *
 * Three kinds of failure: an error of errors.ts that says nothing has happened; a
 * `StoreBusyError` (nothing has happened, repeat); and an error whose `outcome` is
 * 'unknown', after which an insert is repeated with the same ids and a turn is
 * followed by `resync`.
 */
import type { JobError, JobState, FinalState, LogLine, Progress, Rank } from '../job.ts'
import type { Outcome } from '../outcome.ts'
import type { MovingStore } from './moving.ts'

export interface Store {
  /** Names the engine: 'memory', 'sqlite', … For messages; nothing may branch on it. */
  readonly engine: string
  readonly limits: StoreLimits
  readonly capabilities: Capabilities

  /**
   * Adds jobs. Each call is added whole or refused whole; calls are independent of one another.
   * The jobs of one call become visible together, in their order.
   */
  insert(calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]>

  /** Begins a new life of a worker. Every turn and report names it. */
  join(worker: NewWorker): Promise<IncarnationId>

  /**
   * All that a worker needs, in one step and in this order: records what has ended, takes back what was
   * not started, hands over cancel requests and messages, renews the lease, claims the next jobs.
   * Writes nothing when there is nothing to say and the lease is fresh.
   */
  turn(turn: Turn): Promise<TurnResult>

  /**
   * After a turn with an unknown outcome: what this incarnation holds, and the latest message of each kind
   * that was ever left for it, told or not. Turns sent before it and not yet carried out act no more.
   */
  resync(incarnation: IncarnationId): Promise<Resynced | 'gone'>

  /** Ends a life in good order. What it still holds is given back untouched. */
  leave(incarnation: IncarnationId): Promise<void>

  /**
   * Returns when one of these queues may have work, a message or cancel request has come, or after
   * `ms`. May return early, never late. Never rejects when the signal is aborted: it returns 'time'.
   */
  wait(incarnation: IncarnationId, queues: readonly string[], ms: number, signal: AbortSignal): Promise<WaitResult>

  /** Progress, log lines and step results of running jobs, each fenced by its claim. One answer per report. */
  report(incarnation: IncarnationId, reports: readonly Report[]): Promise<ReportAnswer[]>

  /** Returns as soon as one of these jobs is final or unknown, or after `ms`, with all that are by then. */
  settled(ids: readonly string[], ms: number, signal: AbortSignal): Promise<SettledJob[]>

  /** Changes waiting jobs: what is given is changed, the rest stays. One answer per id. */
  change(ids: readonly string[], change: JobChange): Promise<ChangeAnswer[]>

  /** Waiting jobs end at once; a running one can from now on only end cancelled, whoever settles it. */
  cancel(ids: readonly string[]): Promise<CancelAnswer[]>

  /**
   * Final jobs become ready again, at the end of their line, with attempts and crashes counted anew and
   * id and history kept. Steps that were cancelled because of one of them become blocked again.
   */
  retry(ids: readonly string[]): Promise<RetryAnswer[]>

  /** Deletes jobs that are not running, with all they have. Waiters of an unfinished one are cancelled by it. */
  remove(ids: readonly string[]): Promise<RemoveAnswer[]>

  /** Ends held jobs as succeeded, from outside any worker: how a large flow is opened and a signal arrives. */
  release(held: readonly { readonly id: string; readonly result: string | null }[]): Promise<ReleaseAnswer[]>

  /** Jobs by id, in the order asked. 'gone' for one that was pruned lately, undefined for one never seen. */
  get(ids: readonly string[]): Promise<(JobRecord | 'gone' | undefined)[]>

  /** What happened to one job: its failed attempts and log lines, oldest first. */
  history(id: string): Promise<JobHistory | undefined>

  /** What a workflow step waited for, in index order: for steps whose results were too large to come with the claim. */
  members(id: string, cursor?: string): Promise<{ members: Member[]; cursor?: string }>

  /** Jobs newest first. A page may be short, even empty, and still carry a cursor. */
  find(query: JobQuery, cursor?: string): Promise<{ jobs: JobRecord[]; cursor?: string }>

  /** Jobs by queue and state, from counters: costs the same for ten and ten million. May be seconds old. */
  counts(): Promise<QueueCounts[]>

  /** Runs that ended, by minute, task and outcome, oldest first. */
  stats(window: { readonly fromAt: number; readonly toAt: number }): Promise<StatRow[]>

  /** A paused queue takes jobs and hands out none. */
  pause(queue: string, paused: boolean): Promise<void>

  /** Sets the value of a limit by name, for jobs waiting and to come. */
  limit(
    name: string,
    value: { readonly slots?: number; readonly tokens?: number; readonly perMs?: number },
  ): Promise<void>

  /** Promotes, rescues, expires, spreads cascades, prunes: a bounded amount per call. Any worker may call it, twice is harmless. */
  upkeep(limits?: Partial<UpkeepLimits>): Promise<UpkeepResult>

  readonly schedules: ScheduleStore

  /** How jobs and schedules leave this store for another, and arrive in it: see moving.ts. */
  readonly moving: MovingStore

  /** Incarnations believed alive. */
  workers(): Promise<WorkerRecord[]>

  /** Leaves a message for one incarnation, or for 'all'; each finds it in its next turn. The latest of a kind replaces those before it. */
  send(to: IncarnationId, message: ControlMessage): Promise<void>

  /**
   * What happens to jobs, from all processes, while listened to. Begins with a snapshot of the named
   * jobs, taken at the very moment from which events are told; ends when the signal is aborted.
   * A listener that falls behind is told `{ kind: 'lost' }` and should look again.
   */
  events(filter: EventFilter, signal: AbortSignal): AsyncIterable<StoreEvent>

  /**
   * Enqueues inside a transaction of the caller's: the jobs exist if and only if it is committed. Engines
   * whose connections are synchronous insert before they return, and throw at once.
   */
  insertWith?(
    transaction: unknown,
    calls: readonly (readonly NewJob[])[],
  ): InsertOutcome[][] | Promise<InsertOutcome[][]>

  /**
   * Settles one job inside a transaction of the caller's, so that its effects and its outcome are one commit.
   * Fenced like a settlement of a turn: 'stale' says that nothing was written. So does 'cancelling': once a cancel was
   * asked for, a job can only end cancelled, and effects that are undone are the better end. `reports` are written before it,
   * since none is heard once the job has ended.
   */
  settleWith?(
    transaction: unknown,
    incarnation: IncarnationId,
    settlement: Settlement,
    reports?: readonly Report[],
  ): SettledWith | Promise<SettledWith>

  /** What this engine knows about its own health and settings, for `doctor`. */
  inspect(): Promise<Inspection[]>

  close(): Promise<void>
}

export type IncarnationId = string

/** What became of a settlement inside a transaction of the caller's. */
export type SettledWith = 'settled' | 'stale' | 'cancelling'

export interface StoreLimits {
  /** Jobs per call of `insert`, and outcomes or claims per turn. */
  readonly jobsPerCall: number
  readonly bytesPerCall: number
  /** Ids per call of change, cancel, retry, remove and get. */
  readonly idsPerCall: number
  readonly turnsInFlight: number
}

export interface Capabilities {
  /**
   * What an acknowledged job survives: nothing, the end of every process of ours, a power cut but for the
   * last second, a power cut, or also the loss of the server that held it.
   */
  readonly durability: 'none' | 'process' | 'second' | 'power' | 'replicated'
  readonly insertWith: boolean
  /** Whether other processes can open the same store. */
  readonly shared: boolean
}

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
  /** Stays blocked until `release`d, whatever else it waits for. */
  readonly held?: boolean
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
  /** `replace` cancels the holder if it has not started; otherwise it keeps it. */
  readonly onConflict: 'keep' | 'replace'
}

/** At most `slots` jobs of one name are out of the lane (ready, or running) at once. */
export interface Lane {
  readonly name: string
  readonly slots: number
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
 * waits for a job that is not there); its companions answer `refused` with `companion`.
 */
export type InsertOutcome =
  | { readonly kind: 'inserted' | 'exists' }
  | { readonly kind: 'kept' | 'replaced'; readonly other: string }
  | { readonly kind: 'refused'; readonly reason: 'conflict' | 'unknown' | 'companion'; readonly other?: string }

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
  /** Claimed and not started. `delayMs` keeps it from being claimed again so soon. */
  readonly givenBack: readonly { readonly claim: Claim; readonly delayMs?: number }[]
  /** What can be started now. */
  readonly room: readonly Room[]
  /** This worker is about to sleep: whoever brings work should wake it. */
  readonly park?: boolean
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
      /** Milliseconds until a waiting job or a rate token falls due, if any is known. */
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
  readonly version?: number
  readonly metadata?: string
  readonly redact?: readonly string[]
  readonly cancelRequested?: boolean
  readonly createdAt: number
  /** What it waited for; `moreMembers` says that the rest must be read with `members`. */
  readonly members?: readonly Member[]
  readonly moreMembers?: boolean
  /** Step results of earlier attempts, encoded, by name. */
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
  | { readonly kind: 'log'; readonly claim: Claim; readonly line: LogLine }
  | { readonly kind: 'step'; readonly claim: Claim; readonly name: string; readonly result: string }

/** `stale`: the claim is no longer held, nothing was written. `duplicate`: this step has a result already. */
export type ReportAnswer = 'written' | 'stale' | 'duplicate'

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

export type ChangeAnswer = 'changed' | 'running' | 'final' | 'unknown'
export type CancelAnswer = 'cancelled' | 'cancelling' | 'final' | 'unknown'
export type RetryAnswer = 'retried' | 'not final' | 'unknown'
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
  /** How many jobs it still waits for, while blocked. */
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
  readonly log: readonly LogLine[]
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

export interface StatRow {
  /** Start of the minute. */
  readonly at: number
  readonly task: string
  readonly outcome: Outcome['kind'] | 'expired' | 'rescued'
  readonly count: number
  readonly ranMs: number
}

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

export interface ScheduleRecord {
  readonly name: string
  /** The runtime's own description, opaque to engines. */
  readonly rule: string
  readonly nextAt: number | null
  readonly paused: boolean
  readonly lastJob?: string
  /** When a live process last declared it. */
  readonly declaredAt: number
}

export interface DueSchedules {
  readonly now: number
  readonly due: readonly ScheduleRecord[]
  readonly nextDueMs?: number
}

export interface ScheduleStore {
  /** Adds or updates by name. `nextAt` of one that is there with the same rule is left alone. */
  put(
    schedules: readonly { readonly name: string; readonly rule: string; readonly nextAt: number | null }[],
  ): Promise<void>
  pause(name: string, paused: boolean): Promise<boolean>
  remove(names: readonly string[]): Promise<number>
  list(): Promise<ScheduleRecord[]>
  /**
   * Those whose time has come and that are not paused, earliest first, the time it is by the store's clock, and how long
   * until the next falls due. Costs as much as it gives.
   */
  due(limit: number): Promise<DueSchedules>
  /** Compares `at` with the schedule's next time, moves it on and inserts the job: one step, so a tick fires at most once. */
  fire(ticks: readonly Tick[]): Promise<('fired' | 'stale')[]>
}

export interface Tick {
  readonly name: string
  readonly at: number
  readonly nextAt: number | null
  /** Left out where this tick is skipped. */
  readonly job?: NewJob
}

export type ControlMessage =
  | { readonly kind: 'quiet' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'resize'; readonly slots: number }

export interface EventFilter {
  readonly ids?: readonly string[]
  readonly tasks?: readonly string[]
  readonly queues?: readonly string[]
}

export type JobEventKind =
  | 'enqueued'
  | 'started'
  | 'progress'
  | 'log'
  | 'retrying'
  | 'given back'
  | 'rescued'
  | 'cancelling'
  | 'changed'
  | 'ready'
  | 'blocked'
  | FinalState
  | 'retried'
  | 'removed'

export interface JobEvent {
  readonly kind: JobEventKind
  readonly at: number
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly state: JobState
  readonly attempt: number
  readonly progress?: Progress
  readonly line?: LogLine
  /** With `retrying`, and where it ended by one. */
  readonly error?: JobError
  readonly redact?: readonly string[]
}

export type StoreEvent =
  | { readonly kind: 'snapshot'; readonly jobs: readonly JobRecord[] }
  | { readonly kind: 'lost' }
  | { readonly kind: 'job'; readonly event: JobEvent }

export interface Inspection {
  readonly subject: string
  readonly verdict: 'good' | 'warning' | 'bad'
  readonly detail: string
}
