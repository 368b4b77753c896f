/** Batch tasks: jobs that are enqueued one by one and handled many at a time. */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Gather, Lane } from '../store/store.ts'
import type { JobContext } from './context.ts'
import { resolved, taskOptionNames, type AnyTaskOptions, type Queues, type TaskDefinition } from './definition.ts'
import { checkFunction, limitName, type TaskLimits } from './limits.ts'
import type { Awaitable } from './stored.ts'
import type { CommonTaskOptions, Handler, Task } from './task.ts'

/** Options of a batch task: a task's, but for `limit` and `order`. */
export interface BatchOptions<Input = unknown> extends CommonTaskOptions<Input> {
  /** Jobs in one batch at most, from 1 to 1000. */
  size: number
  /** A batch that is not full waits for so long for more, from its first job on. */
  wait: Duration
  /** Only jobs of one key come together: `(input) => input.index`. @default all of the task's jobs */
  by?: (input: Input) => string
  /** Longest run of a batch. Then the signals of its jobs are aborted and the attempt of each has failed. @default none */
  timeout?: Duration
}

/** What an item's job is told and may say. One that is handled along with others cannot wait by itself. */
export type BatchJob = Omit<JobContext, 'run' | 'sleep'>

/** One job of a batch: its input, and what it may say of itself. */
export interface BatchItem<Input, Context = {}> {
  readonly input: Input
  readonly job: BatchJob & Context
}

/** What became of one item: `ok` is its result, `error` fails this attempt of it alone. */
export type BatchAnswer<Result> =
  | { readonly ok: Result; readonly error?: undefined }
  | { readonly error: unknown; readonly ok?: undefined }

/** What belongs to the batch as a whole. */
export interface BatchContext {
  /** Aborted once the signal of every job of the batch is. */
  readonly signal: AbortSignal
}

/** Gives an answer for each item, in their order. What it throws fails the attempt of all. */
export type BatchHandler<Input, Result, Context = {}> = (
  items: readonly BatchItem<Input, Context>[],
  batch: BatchContext,
) => Awaitable<readonly BatchAnswer<Result>[]>

/** A batch task whose handler is given elsewhere, with `errand.handle`. */
export interface DeclaredBatch<Input, Output, Result, Handled> extends Task<Input, Result> {
  /** For the types only. */
  readonly '~handler'?: (item: Output) => Handled
  /** For the types only: it takes another kind of handler than `Declared`. */
  readonly '~handles'?: 'many'
  /** Says what the answers of the handler will be, without a schema. */
  returns<R>(): DeclaredBatch<Input, Output, R, R>
}

export type AnyBatchOptions = Omit<AnyTaskOptions, 'limit' | 'order'> & {
  size: number
  wait: Duration
  by?: (input: any) => string
}

const mostItems = 1000
const optionNames = [...taskOptionNames.filter((name) => name !== 'limit' && name !== 'order'), 'size', 'wait', 'by']

/** @throws InvalidOptionError, UnknownOptionError */
export function defineBatchTask(
  name: string,
  options: AnyBatchOptions,
  handler: BatchHandler<any, unknown, any> | undefined,
  queues: Queues,
): TaskDefinition {
  checkOptions(options, optionNames, `batch task "${name}"`)

  return resolved(
    name,
    options,
    handler as unknown as Handler<any, unknown, any> | undefined,
    queues,
    batchLimits(name, options),
  )
}

function batchLimits(task: string, { size, wait, by }: AnyBatchOptions): TaskLimits {
  const where = `batch task "${task}"`
  if (!Number.isInteger(size) || size < 1 || size > mostItems) {
    throw new InvalidOptionError(`\`size\` of ${where}`, size, `a whole number from 1 to ${mostItems}`)
  }
  if (by !== undefined) checkFunction(by, `\`by\` of ${where}`)
  const gather: Gather = { size, waitMs: durationMs(wait, `\`wait\` of ${where}`) }
  const lane: Lane = { name: task, slots: 1, gather }

  return {
    batch: { size },
    lane: by === undefined ? lane : (input) => ({ ...lane, name: limitName(task, by(input), '`by`') }),
  }
}
