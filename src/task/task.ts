/** A task: what people define once and enqueue often. */
import type { EnqueueOptions, UniqueOptions } from '../client/enqueue-options.ts'
import type { JobHandle } from '../client/handle.ts'
import type { Duration } from '../duration.ts'
import type { FollowUpInput } from '../store/store.ts'
import type { Priority } from '../job.ts'
import type { RetryOptions } from '../retry.ts'
import type { JobContext } from './context.ts'
import type { LimitOptions, TaskOrder } from './limits.ts'
import type { Step, StepOptions } from './step.ts'
import type { Awaitable } from './stored.ts'

/** Options of a task. `Input` is what the schema parses to, or the handler's own parameter. */
export type TaskOptions<Input = unknown> = CommonTaskOptions<Input> & (Limited<Input> | Ordered<Input>)

interface Limited<Input> {
  /**
   * How many of its jobs run at once, how many start in a time, or both: across all workers, for each key by itself where
   * `per` gives one. `{ concurrency: 5, rate: '100/m', per: (input) => input.tenant }`. @default none
   */
  limit?: LimitOptions<Input>
  order?: undefined
}

interface Ordered<Input> {
  /** Here without `concurrency`: `order` runs one job of a key at a time already. @default none */
  limit?: LimitOptions<Input> & { concurrency?: undefined }
  /**
   * One job of a key at a time, in the order in which they were enqueued; one that is tried again holds up those behind it.
   * `(input) => input.account`. @default none
   */
  order: TaskOrder<Input>
}

/** What tasks of all kinds may be told. */
export interface CommonTaskOptions<Input = unknown> {
  /** The line its jobs stand in. @default the app's route for the name, else the app's default queue */
  queue?: string
  /** @default 'normal' */
  priority?: Priority
  /** Attempts in all, `false` for one only, or how to try again. @default 3 attempts, exponential from 1 s */
  retry?: number | false | RetryOptions
  /** Longest run. Then the signal is aborted and the attempt has failed. @default none */
  timeout?: Duration
  /** Ends `expired` unless started this long after it was enqueued. @default never */
  expires?: Duration
  /** `once`: never runs again after its worker was lost or has stopped, for work that must not repeat. @default 'at least once' */
  delivery?: 'at least once' | 'once'
  /** How long final jobs are kept. @default { succeeded: '1d', failed: '14d' } */
  keep?: Duration | { succeeded?: Duration; failed?: Duration }
  /** `false`: the handler's result is dropped, and `result()` gives null. @default true */
  keepResult?: boolean
  /** The unique key of a job, from its input. */
  unique?: ((input: Input) => string) | (Omit<UniqueOptions, 'key'> & { key: (input: Input) => string })
  /** Enqueued by whoever makes the job succeed, in the same step. */
  onSucceeded?: Task<FollowUpInput, any> | string
  /** Enqueued by whoever makes the job end failed or expired, in the same step, also when no worker is left. */
  onFailed?: Task<FollowUpInput, any> | string
  /** For finding jobs. */
  tags?: readonly string[]
  /**
   * Paths of fields that are masked wherever jobs are read, and whose values are masked in log lines, errors and events:
   * `['password', 'card.number', 'items.*.token']`.
   */
  redact?: readonly string[]
  /** Raise it when the input changes its form. @default 1 */
  version?: number
  /** Makes an input of an older version into today's, before validation. */
  upgrade?: (old: unknown, from: number) => unknown
}

/** What runs a job: its input, and what it is told about the job. What it returns is the job's result. */
export type Handler<Input, Result, Context = {}> = (input: Input, job: JobContext & Context) => Awaitable<Result>

type Args<I> = [void] extends [I] ? [input?: I, options?: EnqueueOptions] : [input: I, options?: EnqueueOptions]

type StepArgs<I> = [void] extends [I] ? [input?: I, options?: StepOptions] : [input: I, options?: StepOptions]

/** No fields but those of the input. */
type Exact<P, I> = P & { [K in Exclude<keyof P, keyof I>]: never }

/** A task with a typed input and result. Made by `errand.task` or `errand.declare`. It is a step that still needs its input. */
export interface Task<Input, Result> extends Step<Input, Result> {
  readonly name: string
  /**
   * Resolves when the job is in the store, with its handle.
   *
   * @throws InvalidInputError, NotStorableError, PayloadTooLargeError, IdConflictError, UnknownDependencyError, TransactionError,
   * InvalidOptionError, UnknownOptionError, and the store's errors
   */
  enqueue(...args: Args<Input>): Promise<JobHandle<Result>>
  /**
   * Enqueues many, in slices the store can take whole; a failure half-way says which ids went in. Options hold
   * for all, so `id` and `unique` are not among them.
   */
  enqueueMany(inputs: readonly Input[], options?: Omit<EnqueueOptions, 'id' | 'unique'>): Promise<JobHandle<Result>[]>
  /** The task with its input given: a step that takes nothing from the one before it. */
  with(...args: StepArgs<Input>): Step<void, Result>
  /** The task with some of its input given; the rest comes from the step before. */
  partial<const P extends Partial<Input>>(
    input: Exact<P, Input>,
    options?: StepOptions,
  ): Step<Omit<Input, keyof P>, Result>
  /** The handle of a job of this task, by its id. Nothing is looked up. */
  job(id: string): JobHandle<Result>
  /**
   * Runs in this process after a job of this task has ended here, with what the task redacts masked. Best effort: what
   * must happen is a follow-up.
   */
  on(
    event: 'succeeded',
    listener: (result: Result, input: Input, job: { readonly id: string }) => Awaitable<void>,
  ): this
  on(event: 'failed', listener: (error: unknown, input: Input, job: { readonly id: string }) => Awaitable<void>): this
}

/** A task of whatever input and result. */
export type AnyTask = Task<any, any>

/** A task whose handler is given elsewhere, with `errand.handle`. */
export interface Declared<Input, Output, Result, Handled> extends Task<Input, Result> {
  /** For the types only. */
  readonly '~handler'?: (input: Output) => Handled
  /** For the types only. */
  readonly '~handles'?: 'one'
  /** Says what the handler will return, without a schema. */
  returns<R>(): Declared<Input, Output, R, R>
}
