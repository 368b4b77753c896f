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
import type { MovingStore } from './moving.ts'
import type { EventFilter, StoreEvent } from './contract/events.ts'
import type { InsertOutcome, NewJob } from './contract/jobs.ts'
import type {
  CancelAnswer,
  ChangeAnswer,
  Inspection,
  JobChange,
  JobHistory,
  JobQuery,
  JobRecord,
  LimitQuery,
  LimitRecord,
  LimitValue,
  QueueCounts,
  ReleaseAnswer,
  RemoveAnswer,
  RetryAnswer,
  SettledJob,
  StatRow,
} from './contract/records.ts'
import type { ScheduleStore } from './contract/schedules.ts'
import type {
  ControlMessage,
  IncarnationId,
  Member,
  NewWorker,
  Report,
  ReportAnswer,
  Resynced,
  SettledWith,
  Settlement,
  Turn,
  TurnResult,
  UpkeepLimits,
  UpkeepResult,
  WaitResult,
  WorkerRecord,
} from './contract/turns.ts'

export type * from './contract/jobs.ts'
export type * from './contract/turns.ts'
export type * from './contract/records.ts'
export type * from './contract/schedules.ts'
export type * from './contract/events.ts'

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
   * id and history kept; one that has never started and waits for others that have not ended becomes blocked again.
   * So do steps that were cancelled because of one of them.
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

  /**
   * Sets the value of a limit by name, for jobs waiting and to come, and pins it: what inserts bring for this name
   * counts no more, until it is 'unpinned' and the next one brings its own.
   */
  limit(name: string, value: LimitValue | 'unpinned'): Promise<void>

  /**
   * Lanes and rates by name, in the order of their names by code point; a page with fewer than
   * asked for is the last. There are those that are pinned or named by a job that is not final, and rates that are closed or whose
   * starts count still; the rest are forgotten in time.
   */
  listLimits(query: LimitQuery): Promise<LimitRecord[]>

  /** Promotes, rescues, expires, spreads cascades, prunes: a bounded amount per call. Any worker may call it, twice is harmless. */
  upkeep(limits?: Partial<UpkeepLimits>): Promise<UpkeepResult>

  /** The time it is by the store's clock: the one by which jobs fall due, whatever process asks. */
  now(): Promise<number>

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

export interface StoreLimits {
  /** Jobs per call of `insert`, and outcomes or claims per turn. A group that gathers is no larger, and is ripe with so many. */
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
