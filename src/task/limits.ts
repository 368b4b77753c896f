/**
 * Limits and order: what holds a task's jobs back, from its options to the lane and the rate that each job names.
 *
 * A job has one lane and one rate at most, so whoever asks for two of a kind is told when the task is defined. The store
 * keeps them; nothing here counts anything.
 */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Lane, Rate } from '../store/store.ts'
import { resolveRate, type RateValue } from './rate.ts'

/** What its jobs may take at once, across all workers. `Input` is what the schema parses to. */
export type LimitOptions<Input = unknown> = (ConcurrencyLimit | RateLimit) & {
  /** Counts for each key by itself: `(input) => input.tenant`. */
  per?: (input: Input) => string
}

interface ConcurrencyLimit {
  /** Jobs that run at once, and are about to. */
  concurrency: number
  /** Starts within any such time: `'100/m'`. */
  rate?: RateValue
}

interface RateLimit {
  concurrency?: undefined
  /** Starts within any such time: `'100/m'`. */
  rate: RateValue
}

/** One at a time per key, in the order enqueued. A function is short for `{ by }`. */
export type TaskOrder<Input = unknown> =
  | ((input: Input) => string)
  | {
      by: (input: Input) => string
      /**
       * A job that fails again and again is held to for so long at most, counted from the start of its first attempt; then the
       * next one goes. @default as long as it has attempts
       */
      skipAfter?: Duration
    }

/** A queue's limit, for all jobs in it together. */
export interface QueueOptions {
  limit?: ConcurrencyLimit | RateLimit
}

/** A task's limits as resolved: the same for all of its jobs, or by input. */
export interface TaskLimits {
  readonly lane?: Lane | ((input: unknown) => Lane)
  readonly rate?: Rate | ((input: unknown) => Rate)
  readonly order?: { readonly skipAfterMs: number | undefined }
  readonly batch?: { readonly size: number }
}

/** A queue's. */
export interface QueueLimits {
  readonly lane?: Lane
  readonly rate?: Rate
}

const longestKey = 256
const mostSlots = 1_000_000

/** The name of a task's lane or rate. @throws InvalidOptionError */
export function limitName(task: string, key: unknown, option: string): string {
  if (typeof key === 'string' && key !== '' && key.length <= longestKey) return `${task}:${key}`

  throw new InvalidOptionError(
    `the key that ${option} of task "${task}" gives`,
    key,
    `a text of 1 to ${longestKey} characters`,
  )
}

/** @throws InvalidOptionError */
export function checkConcurrency(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= mostSlots) return value

  throw new InvalidOptionError(where, value, `a whole number from 1 to ${mostSlots}`)
}

/** @throws InvalidOptionError */
export function checkFunction(value: unknown, where: string): void {
  if (typeof value !== 'function')
    throw new InvalidOptionError(where, value, 'a function of the input that gives a key')
}

/**
 * What `limit` and `order` of a task come to; undefined where there is neither.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function taskLimits(
  task: string,
  limit: LimitOptions<any> | undefined,
  order: TaskOrder<any> | undefined,
): TaskLimits | undefined {
  if (limit === undefined && order === undefined) return undefined
  const limits = limit === undefined ? {} : limitsOf(task, limit)
  if (order === undefined) return limits
  if (limits.lane !== undefined) {
    throw new InvalidOptionError(
      `\`limit.concurrency\` of task "${task}"`,
      limit!.concurrency,
      'left out beside `order`, which runs one job of a key at a time already',
    )
  }
  return { ...limits, ...orderOf(task, order) }
}

function limitsOf(task: string, limit: LimitOptions<any>): Pick<TaskLimits, 'lane' | 'rate'> {
  const where = `\`limit\` of task "${task}"`
  checkOptions(limit, ['concurrency', 'rate', 'per'], where)
  const { per } = limit
  const { lane, rate } = plainLimits(task, limit, where)
  if (per === undefined) return { ...(lane && { lane }), ...(rate && { rate }) }

  checkFunction(per, `\`limit.per\` of task "${task}"`)
  const name = (input: unknown) => limitName(task, per(input), '`limit.per`')
  return {
    ...(lane && { lane: (input) => ({ ...lane, name: name(input) }) }),
    ...(rate && { rate: (input) => ({ ...rate, name: name(input) }) }),
  }
}

function plainLimits(name: string, limit: ConcurrencyLimit | RateLimit, where: string): QueueLimits {
  const { concurrency, rate } = limit
  if (concurrency === undefined && rate === undefined) {
    throw new InvalidOptionError(where, limit, 'an object with `concurrency`, `rate`, or both')
  }
  return {
    ...(concurrency !== undefined && {
      lane: { name, slots: checkConcurrency(concurrency, `\`concurrency\` in ${where}`) },
    }),
    ...(rate !== undefined && { rate: { name, ...resolveRate(rate, `\`rate\` in ${where}`) } }),
  }
}

function orderOf(task: string, order: TaskOrder<any>): Pick<TaskLimits, 'lane' | 'order'> {
  const where = `\`order\` of task "${task}"`
  if (typeof order !== 'function') checkOptions(order, ['by', 'skipAfter'], where)
  const { by, skipAfter } = typeof order === 'function' ? { by: order } : order
  checkFunction(by, typeof order === 'function' ? where : `\`order.by\` of task "${task}"`)

  return {
    lane: (input) => ({ name: limitName(task, by(input), '`order`'), slots: 1, ordered: true }),
    order: {
      skipAfterMs: skipAfter === undefined ? undefined : durationMs(skipAfter, `\`order.skipAfter\` of task "${task}"`),
    },
  }
}

/** The limits of queues, by name. @throws InvalidOptionError, UnknownOptionError */
export function queueLimits(queues: Readonly<Record<string, QueueOptions>>): ReadonlyMap<string, QueueLimits> {
  const limits = new Map<string, QueueLimits>()
  for (const [queue, options] of Object.entries(queues)) {
    checkOptions(options, ['limit'], `queue "${queue}"`)
    if (options.limit === undefined) continue
    const where = `\`limit\` of queue "${queue}"`
    checkOptions(options.limit, ['concurrency', 'rate'], where)
    limits.set(queue, plainLimits(`queue:${queue}`, options.limit, where))
  }
  return limits
}

/** A job that stands in a limited queue has that limit, and so none of the same kind of its task. @throws InvalidOptionError */
export function checkTogether(task: string, own: TaskLimits | undefined, queue: string, limits: QueueLimits): void {
  const lane = own?.batch ? 'batch' : own?.order ? '`order`' : '`limit.concurrency`'
  const clash = own?.batch || (own?.lane && limits.lane) ? lane : own?.rate && limits.rate ? '`limit.rate`' : undefined
  if (clash === undefined) return

  throw new InvalidOptionError(
    `the queue of task "${task}"`,
    queue,
    `one without a limit of the same kind: a job has one of each, and this one has ${clash === 'batch' ? 'its batch' : `${clash} of its task`}`,
  )
}

/** Whether the key of some limit comes from the input. */
export const isKeyed = ({ lane, rate }: TaskLimits): boolean => typeof lane === 'function' || typeof rate === 'function'
