/** What the caller holds of a job: an id, and everything that can be asked or done about it. */
import type { JobState, Priority, Progress } from '../job.ts'
import type { CancelAnswer, RetryAnswer, RemoveAnswer, ChangeAnswer } from '../store/store.ts'
import type { Duration } from '../duration.ts'
import type { AttemptInfo, LogLine } from './history.ts'
import type { JobInfo } from './job-info.ts'

/** How a job is read. */
export interface ReadOptions {
  /** Shows what the task redacts. Only for readers who have that right. @default false */
  reveal?: boolean
}

/** A job, wherever it is and whoever runs it. Each question goes to the store; nothing is remembered here. */
export interface JobHandle<Result = unknown> {
  readonly id: string
  /** True if nothing was enqueued because another job, this one, holds the unique key. */
  readonly deduplicated: boolean
  /** Where it stands now. @throws JobNotFoundError, ResultGoneError */
  state(): Promise<JobState>
  /** All there is to know, redacted. @throws JobNotFoundError, ResultGoneError */
  info(options?: ReadOptions): Promise<JobInfo>
  /**
   * Waits for the job to succeed and gives its result. Throws what the job ended with otherwise.
   *
   * @throws JobFailedError, JobCancelledError, JobExpiredError, ResultTimeoutError, JobNotFoundError, ResultGoneError,
   * WouldDeadlockError
   */
  result(options?: { timeout?: Duration; signal?: AbortSignal }): Promise<Result>
  /** As its handler last said, redacted. @throws JobNotFoundError, ResultGoneError */
  progress(): Promise<Progress | undefined>
  /** Its log, oldest first, redacted. @throws JobNotFoundError, ResultGoneError */
  log(): Promise<readonly LogLine[]>
  /** Its attempts that threw, oldest first. @throws JobNotFoundError, ResultGoneError */
  attempts(): Promise<readonly AttemptInfo[]>
  /**
   * The job now, then each change, progress and log line as it comes, from whatever process; ends when the
   * job is final or removed, or the signal is aborted.
   */
  updates(options?: { signal?: AbortSignal } & ReadOptions): AsyncIterable<JobUpdate>
  /** A waiting job ends at once; a running one is signalled within a second. */
  cancel(): Promise<CancelAnswer>
  /** Runs a final job again, with its attempts counted anew. `not failed`: only of a workflow, see there. */
  retry(): Promise<RetryAnswer | 'not failed'>
  /** Changes a job that waits. */
  change(change: { priority?: Priority; delay?: Duration; at?: Date | number; input?: unknown }): Promise<ChangeAnswer>
  /** Makes a scheduled job ready now. */
  promote(): Promise<ChangeAnswer>
  /** Deletes a job that is not running, with all it has. */
  remove(): Promise<RemoveAnswer>
}

/** One thing that a job has come to. */
export interface JobUpdate {
  /** 'now' for the first, which is how the job stood when listening began. */
  readonly kind: 'now' | 'state' | 'progress' | 'log'
  /** Where the job stands then. */
  readonly state: JobState
  readonly at: Date
  /** Attempts that ended so far, plus the one under way. */
  readonly attempt: number
  /** With `progress`, and with `now` where there is any. */
  readonly progress?: Progress
  /** With `log`. */
  readonly line?: LogLine
  /** Why it is tried again, or has ended; with `now`, of the last attempt that threw. */
  readonly error?: { readonly name: string; readonly message: string }
}
