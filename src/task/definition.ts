/** A task as the runtime uses it: its options resolved once, durations in milliseconds. */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { priorities, rankOf, type Rank } from '../job.ts'
import { checkName, checkOneOf, checkOptions, checkQueue, checkTags, checkTexts } from '../options.ts'
import { retryPolicy, type RetryPolicy } from '../retry.ts'
import type { UniqueKey } from '../store/store.ts'
import { checkTogether, taskLimits, type QueueLimits, type TaskLimits } from './limits.ts'
import type { StandardSchema } from './schema.ts'
import type { AnyTask, Handler, TaskOptions } from './task.ts'

export interface TaskDefinition {
  readonly name: string
  readonly queue: string
  readonly rank: Rank
  readonly retry: RetryPolicy
  readonly timeoutMs: number | undefined
  readonly expiresMs: number | undefined
  readonly once: boolean
  readonly keepSucceededMs: number
  readonly keepFailedMs: number
  readonly keepResult: boolean
  readonly unique: ((input: unknown) => UniqueKey) | undefined
  readonly limits: TaskLimits | undefined
  readonly onSucceeded: string | undefined
  readonly onFailed: string | undefined
  readonly tags: readonly string[] | undefined
  readonly redact: readonly string[] | undefined
  readonly version: number
  readonly upgrade: ((old: unknown, from: number) => unknown) | undefined
  readonly input: StandardSchema | undefined
  readonly output: StandardSchema | undefined
  /** Left out while the task is only declared. */
  handler: Handler<any, unknown, any> | undefined
}

/** What holds where `TaskOptions` say nothing. */
export const taskDefaults = {
  priority: 'normal',
  delivery: 'at least once',
  keep: { succeeded: '1d', failed: '14d' },
  keepResult: true,
  version: 1,
} as const

export const taskOptionNames: readonly string[] = [
  'input',
  'output',
  'queue',
  'priority',
  'retry',
  'timeout',
  'expires',
  'delivery',
  'keep',
  'keepResult',
  'unique',
  'limit',
  'order',
  'onSucceeded',
  'onFailed',
  'tags',
  'redact',
  'version',
  'upgrade',
]

export type AnyTaskOptions = TaskOptions<any> & {
  input?: StandardSchema | undefined
  output?: StandardSchema | undefined
}

/** The unique key of a job, from its options: shared by tasks and single enqueues. */
export function uniqueKey(
  key: string,
  options: { while?: 'waiting' | 'active'; for?: Duration; onConflict?: 'keep' | 'replace' },
  where: string,
): UniqueKey {
  if (typeof key !== 'string' || key === '' || key.length > 500) {
    throw new InvalidOptionError(`the unique key of ${where}`, key, 'a text of 1 to 500 characters')
  }
  const { while: span = 'active', onConflict = 'keep' } = options
  checkOneOf(span, ['waiting', 'active'], `\`unique.while\` of ${where}`)
  checkOneOf(onConflict, ['keep', 'replace'], `\`unique.onConflict\` of ${where}`)
  if (options.for !== undefined && options.while !== undefined) {
    throw new InvalidOptionError(`\`unique.while\` of ${where}`, span, 'left out where `for` is given')
  }
  const scope = options.for === undefined ? span : { forMs: durationMs(options.for, `\`unique.for\` of ${where}`) }

  return { key, scope, onConflict }
}

function uniqueOf(option: TaskOptions['unique'], where: string): TaskDefinition['unique'] {
  if (option === undefined) return undefined
  if (typeof option === 'function') return (input) => uniqueKey(option(input), {}, where)
  checkOptions(option, ['key', 'while', 'for', 'onConflict'], `\`unique\` of ${where}`)

  return (input) => uniqueKey(option.key(input), option, where)
}

function keepOf(option: TaskOptions['keep'], where: string): { keepSucceededMs: number; keepFailedMs: number } {
  const given = option === undefined || typeof option === 'object' ? option : { succeeded: option, failed: option }
  if (given) checkOptions(given, ['succeeded', 'failed'], `\`keep\` of ${where}`)
  const { succeeded, failed } = { ...taskDefaults.keep, ...given }

  return {
    keepSucceededMs: durationMs(succeeded, `\`keep.succeeded\` of ${where}`),
    keepFailedMs: durationMs(failed, `\`keep.failed\` of ${where}`),
  }
}

const optionalMs = (value: Duration | undefined, where: string) =>
  value === undefined ? undefined : durationMs(value, where)

function timeoutOf(value: Duration | undefined, where: string): number | undefined {
  const ms = optionalMs(value, where)
  if (ms === 0) throw new InvalidOptionError(where, value, 'longer than 0, or left out')

  return ms
}

/** @throws InvalidOptionError */
export function checkSchema(schema: unknown, where: string): void {
  if (schema === undefined) return
  const standard = (schema as { '~standard'?: { validate?: unknown } } | null)?.['~standard']
  if (typeof standard?.validate !== 'function') {
    throw new InvalidOptionError(where, schema, 'a Standard Schema, such as one of zod, valibot or arktype')
  }
}

/** What a task must know of the queues of its app. */
export interface Queues {
  readonly queueFor: (task: string) => string
  readonly limitsOf: (queue: string) => QueueLimits | undefined
}

/** A task named by itself or by its name. */
export const nameOf = (task: AnyTask | string | undefined): string | undefined =>
  typeof task === 'object' ? task.name : task

/**
 * Resolves a task's options.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function defineTask(
  name: string,
  options: AnyTaskOptions,
  handler: Handler<any, unknown, any> | undefined,
  queues: Queues,
): TaskDefinition {
  checkOptions(options, taskOptionNames, `task "${name}"`)

  return resolved(name, options, handler, queues, taskLimits(name, options.limit, options.order))
}

/** The rest, for tasks of all kinds: their options are known to be theirs. @throws InvalidOptionError */
export function resolved(
  name: string,
  options: AnyTaskOptions,
  handler: Handler<any, unknown, any> | undefined,
  queues: Queues,
  limits: TaskLimits | undefined,
): TaskDefinition {
  checkName(name, 'a task name', 'email.send')
  const where = `task "${name}"`
  const { priority, delivery, keepResult, version } = { ...taskDefaults, ...options }

  checkSchema(options.input, `\`input\` of ${where}`)
  checkSchema(options.output, `\`output\` of ${where}`)
  checkOneOf(priority, priorities, `\`priority\` of ${where}`)
  checkOneOf(delivery, ['once', 'at least once'], `\`delivery\` of ${where}`)
  if (!Number.isInteger(version) || version < 1) {
    throw new InvalidOptionError(`\`version\` of ${where}`, version, 'a whole number of at least 1')
  }

  const queue = checkQueue(options.queue ?? queues.queueFor(name), `\`queue\` of ${where}`)
  const ofQueue = queues.limitsOf(queue)
  if (ofQueue) checkTogether(name, limits, queue, ofQueue)

  return {
    name,
    queue,
    rank: rankOf(priority),
    retry: retryPolicy(options.retry, where),
    timeoutMs: timeoutOf(options.timeout, `\`timeout\` of ${where}`),
    expiresMs: optionalMs(options.expires, `\`expires\` of ${where}`),
    once: delivery === 'once',
    ...keepOf(options.keep, where),
    keepResult,
    unique: uniqueOf(options.unique, where),
    limits,
    onSucceeded: nameOf(options.onSucceeded),
    onFailed: nameOf(options.onFailed),
    tags: options.tags && checkTags(options.tags, `\`tags\` of ${where}`),
    redact: options.redact && checkTexts(options.redact, `\`redact\` of ${where}`),
    version,
    upgrade: options.upgrade,
    input: options.input,
    output: options.output,
    handler,
  }
}
