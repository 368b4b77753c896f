/** What a handler is told about its job, and what it may say. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { NoJobError } from '../errors.ts'
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import type { LogLevel } from '../job.ts'
import type { Duration } from '../duration.ts'
import type { Step } from './step.ts'
import type { Awaitable, StepResult } from './stored.ts'
import type { Task } from './task.ts'

/** What `job.run` can be told. */
export interface RunOptions {
  /** For so long the flow may take, from when it is first asked for; then it is cancelled. @default as long as it takes */
  timeout?: Duration
}

/** What `job.progress` can be told besides how much is done. */
export interface ProgressOptions {
  /** What `done` counts towards. */
  of?: number
  /** A few words on what is being done. */
  note?: string
  /** Anything else worth showing; plain JSON. */
  data?: unknown
}

/** What `job.succeed` must be told. */
export interface SucceedOptions {
  /** An open transaction on the store's own database. See `tx` of `EnqueueOptions`. */
  tx: unknown
}

/** Writes a line of the job's log. `data` is plain JSON. Lines beyond 1,000 in one run are dropped, and the last one says so. */
export type JobLog = ((message: string, data?: unknown) => void) &
  Record<LogLevel, (message: string, data?: unknown) => void>

/** The second argument of a handler: what it is told about its job, and what it may say and ask for. */
export interface JobContext {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** 1 the first time. Attempts that threw count; interruptions by deploys and crashes do not. */
  readonly attempt: number
  readonly createdAt: Date
  /**
   * Aborted when the job is cancelled, has run out of its timeout, or no longer belongs to this worker; and when the handler
   * has thrown and a step of it goes on for too long.
   * Hand it to whatever you await.
   */
  readonly signal: AbortSignal
  /** What was given as `metadata` when the job was enqueued. */
  readonly metadata: Readonly<Record<string, unknown>>
  /**
   * Says how far the job has come. Cheap to call often: the latest value is written some ten times a second,
   * and always before the job ends.
   */
  progress(done: number, options?: ProgressOptions): Promise<void>
  /** Writes a line of the job's log: `job.log('sent', { to })`, or by level, `job.log.warn('slow')`. */
  readonly log: JobLog
  /**
   * Does `work` once: its result is stored under the name, and a later run of this job gets it without doing it again. What is
   * done and not yet stored when the process dies is done again.
   *
   * @throws DuplicateStepError when this run has used the name already; the reason of `signal` once that is aborted
   */
  step<T>(name: string, work: () => Awaitable<T>): Promise<StepResult<T>>
  /**
   * Runs a flow and gives its result. Meanwhile the job waits without holding its slot; then its handler runs again from its
   * beginning, and this gives the result at once. So put what must not be repeated into `step`, and await several with
   * `Promise.all`. To become a flow, return it: `return job.run('rest', chain(...))`.
   *
   * @throws JobFailedError, JobCancelledError, JobExpiredError as the flow ended, FlowTimeoutError, DuplicateStepError
   */
  run<R>(name: string, step: Step<void, R>, options?: RunOptions): Promise<R>
  /** Waits without holding the job's slot, and goes on like `run`. */
  sleep(name: string, duration: Duration): Promise<void>
  /** A job that will exist if and only if this attempt succeeds: it is enqueued in the step that records the success. */
  followUp<I>(task: Task<I, unknown>, ...args: FollowUpArgs<I>): void
  /**
   * Ends the job as succeeded inside your own open transaction: what you write in it and the job's end are one commit,
   * so that no crash can come between them. Call it last, await it, and commit before the handler ends; if the
   * transaction is rolled back, the attempt has failed. Gives the result back, for the handler to return, whose own
   * return value then counts for nothing.
   *
   * On SQLite it acts, and throws, at once. It may be called again once a transaction was rolled back.
   *
   * @throws ClaimLostError, Cancelled, TransactionError, InvalidResultError, NotStorableError, PayloadTooLargeError: nothing
   * was written, so let it roll your transaction back
   */
  succeed<R>(result: R, options: SucceedOptions): Promise<R>
}

/** What a follow-up can be told: what enqueueing can, but for a transaction. */
export type FollowUpOptions = Omit<EnqueueOptions, 'tx'>
type FollowUpArgs<I> = [void] extends [I]
  ? [input?: I, options?: FollowUpOptions]
  : [input: I, options?: FollowUpOptions]

/** A handler that runs for many jobs, none of which is the current one. */
export interface RunningBatch {
  readonly size: number
}

/** Carries the running job to whatever its handler calls. */
export const runningJob: AsyncLocalStorage<JobContext | RunningBatch> = new AsyncLocalStorage()

/**
 * The job whose handler called this, from anywhere below it.
 *
 * @throws NoJobError outside a handler, and in one of a batch, where each item has a `job` of its own.
 */
export function currentJob(): JobContext {
  const job = runningJob.getStore()
  if (!job || !('id' in job)) throw new NoJobError(job?.size)

  return job
}
