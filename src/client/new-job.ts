/** From a task, an input and options to the job that goes to the store. */
import type { Codec } from '../codec.ts'
import { durationMs, lastMoment, type Duration } from '../duration.ts'
import type { Env } from '../env.ts'
import { InvalidOptionError, NotStorableError, PayloadTooLargeError } from '../errors.ts'
import { priorities, rankOf, type Rank } from '../job.ts'
import { checkOneOf, checkOptions, checkQueue, checkTags } from '../options.ts'
import type { Dependencies, Due, FollowUp, NewJob, UniqueKey } from '../store/store.ts'
import { nameOf, uniqueKey, type TaskDefinition } from '../task/definition.ts'
import { checkTogether, type QueueLimits } from '../task/limits.ts'
import type { Registry } from '../task/registry.ts'
import { noteKey } from '../workflow/note.ts'
import { enqueueOptionNames, type Dependency, type EnqueueOptions } from './enqueue-options.ts'

export interface JobMaker {
  readonly env: Env
  readonly codec: Codec
  readonly registry: Registry
  readonly payloadBytes: number
}

function moment(value: Date | number, where: string): Due {
  const at = typeof value === 'number' ? value : value instanceof Date ? value.getTime() : Number.NaN
  if (!(Math.abs(at) <= lastMoment)) throw new InvalidOptionError(where, value, 'a Date or milliseconds since 1970')

  return { at: Math.round(at) }
}

/** When `delay` or `at` say, if one of them is given. */
export function dueOf(options: { delay?: Duration; at?: Date | number }, where: string): Due | undefined {
  if (options.delay !== undefined && options.at !== undefined) {
    throw new InvalidOptionError(`\`at\` of ${where}`, options.at, 'left out where `delay` is given')
  }
  if (options.delay !== undefined) return { inMs: durationMs(options.delay, `\`delay\` of ${where}`) }

  return options.at === undefined ? undefined : moment(options.at, `\`at\` of ${where}`)
}

function expiresOf(task: TaskDefinition, option: EnqueueOptions['expires'], where: string): Due | undefined {
  if (option instanceof Date) return moment(option, `\`expires\` of ${where}`)
  if (option !== undefined) return { inMs: durationMs(option, `\`expires\` of ${where}`) }

  return task.expiresMs === undefined ? undefined : { inMs: task.expiresMs }
}

function uniqueFor(
  task: TaskDefinition,
  parsed: unknown,
  option: EnqueueOptions['unique'],
  where: string,
): UniqueKey | undefined {
  if (option === undefined) return task.unique?.(parsed)
  if (typeof option === 'string') return uniqueKey(option, {}, where)
  checkOptions(option, ['key', 'while', 'for', 'onConflict'], `\`unique\` of ${where}`)

  return uniqueKey(option.key, option, where)
}

/** @throws InvalidOptionError */
export function dependenciesOf({ after, when }: EnqueueOptions, where: string): Dependencies | undefined {
  if (when !== undefined) checkOneOf(when, ['succeeded', 'settled'], `\`when\` of ${where}`)
  if (after === undefined) {
    if (when === undefined) return undefined
    throw new InvalidOptionError(`\`when\` of ${where}`, when, 'left out where there is no `after`')
  }
  const all = Array.isArray(after) ? (after as readonly Dependency[]) : [after as Dependency]
  const on = all.map((each) => (typeof each === 'string' ? each : each?.id))
  const odd = on.findIndex((id) => typeof id !== 'string' || id === '')
  if (odd !== -1) throw new InvalidOptionError(`\`after\` of ${where}`, all[odd], "a job's handle or id")

  return on.length === 0 ? undefined : { on: [...new Set(on)], otherwise: when === 'settled' ? 'run' : 'cancel' }
}

/** A follow-up is told the input and result of the job before it, so it hides in them what that job's task hides. */
function followUpOf(
  { registry }: JobMaker,
  name: string | undefined,
  { name: of, redact = [] }: TaskDefinition,
): FollowUp | undefined {
  if (name === undefined) return undefined
  const task = registry.get(name)
  if (task.limits || registry.limitsOf(task.queue)) {
    throw new InvalidOptionError(
      `what is enqueued when "${of}" ends`,
      name,
      'a task without limits, order and batches, since its input is not known before; ask for it with `job.followUp` instead',
    )
  }
  const hidden = [...(task.redact ?? []), ...redact.flatMap((path) => [`input.${path}`, `result.${path}`])]

  return {
    task: name,
    queue: task.queue,
    rank: task.rank,
    keepSucceededMs: task.keepSucceededMs,
    keepFailedMs: task.keepFailedMs,
    ...(task.once && { once: true }),
    ...(task.version !== 1 && { version: task.version }),
    ...(task.tags && { tags: task.tags }),
    ...(hidden.length > 0 && { redact: hidden }),
  }
}

/** Encodes and measures. Only a text that could be too long is counted in bytes. */
export function encodeWithin(maker: Pick<JobMaker, 'codec' | 'payloadBytes'>, value: unknown, what: string): string {
  const text = maker.codec.encode(value, what)
  if (text.length * 3 <= maker.payloadBytes) return text
  const bytes = Buffer.byteLength(text)
  if (bytes > maker.payloadBytes) throw new PayloadTooLargeError(what, bytes, maker.payloadBytes)

  return text
}

/** A flow that was returned would be stored as what describes it, and nobody would run it. @throws NotStorableError, PayloadTooLargeError */
export function encodeResult(maker: Pick<JobMaker, 'codec' | 'payloadBytes'>, result: unknown, task: string): string {
  const what = `the result of "${task}"`
  if (typeof result === 'object' && result !== null && '~flow' in result)
    throw new NotStorableError(
      what,
      'a step of a workflow (`return job.run(name, step)` runs it, and gives its result)',
    )

  return encodeWithin(maker, result, what)
}

/** @throws InvalidOptionError, NotStorableError, PayloadTooLargeError */
export function encodeMetadata(maker: JobMaker, metadata: unknown, where: string): string {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new InvalidOptionError(`\`metadata\` of ${where}`, metadata, 'an object')
  }
  if (Object.hasOwn(metadata, noteKey)) {
    throw new InvalidOptionError(`\`metadata\` of ${where}`, metadata, `without a field named ${noteKey}`)
  }
  return encodeWithin(maker, metadata, `the metadata of ${where}`)
}

/** @throws InvalidOptionError */
export function checkId(id: string): string {
  if (typeof id !== 'string' || id === '' || id.length > 200)
    throw new InvalidOptionError('`id`', id, 'a text of 1 to 200 characters')

  return id
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * The usual case, at the usual cost: no options, and a task that says nothing special.
 *
 * A class, for what it costs to collect: V8 makes a literal whose objects often outlive a collection in old space, for
 * good, and each job would keep its texts from young collections.
 */
class PlainJob implements Mutable<NewJob> {
  id: string
  task: string
  queue: string
  rank: Rank
  input: string
  keepSucceededMs: number
  keepFailedMs: number

  constructor(maker: JobMaker, task: TaskDefinition, input: unknown) {
    this.id = maker.env.id()
    this.task = task.name
    this.queue = task.queue
    this.rank = task.rank
    this.input = encodeWithin(maker, input, `the input of "${task.name}"`)
    this.keepSucceededMs = task.keepSucceededMs
    this.keepFailedMs = task.keepFailedMs
  }
}

function addTaskParts(maker: JobMaker, task: TaskDefinition, parsed: unknown, job: Mutable<NewJob>): void {
  const onSucceeded = followUpOf(maker, task.onSucceeded, task)
  const onFailed = followUpOf(maker, task.onFailed, task)
  const unique = task.unique?.(parsed)

  if (task.once) job.once = true
  if (task.expiresMs !== undefined) job.expires = { inMs: task.expiresMs }
  if (task.version !== 1) job.version = task.version
  if (task.redact) job.redact = task.redact
  if (task.tags) job.tags = task.tags
  if (onSucceeded) job.onSucceeded = onSucceeded
  if (onFailed) job.onFailed = onFailed
  if (unique) job.unique = unique
}

function addOptions(
  maker: JobMaker,
  task: TaskDefinition,
  parsed: unknown,
  options: EnqueueOptions,
  job: Mutable<NewJob>,
): void {
  const where = `"${task.name}"`
  checkOptions(options, enqueueOptionNames, `the options of enqueueing ${where}`)
  const due = dueOf(options, where)
  const expires = expiresOf(task, options.expires, where)
  const unique = uniqueFor(task, parsed, options.unique, where)
  const onSucceeded = followUpOf(maker, nameOf(options.onSucceeded), task)
  const onFailed = followUpOf(maker, nameOf(options.onFailed), task)

  if (options.id !== undefined) job.id = checkId(options.id)
  if (options.queue !== undefined) job.queue = checkQueue(options.queue, `\`queue\` of ${where}`)
  if (options.priority !== undefined) {
    checkOneOf(options.priority, priorities, `\`priority\` of ${where}`)
    if (task.limits?.order) throw outOfOrder(task.name, options.priority)
    job.rank = rankOf(options.priority)
  }
  const after = dependenciesOf(options, where)

  if (due) job.due = due
  if (after) job.after = after
  if (expires) job.expires = expires
  if (unique) job.unique = unique
  if (onSucceeded) job.onSucceeded = onSucceeded
  if (onFailed) job.onFailed = onFailed
  if (options.tags !== undefined) {
    job.tags = [...new Set([...(task.tags ?? []), ...checkTags(options.tags, `\`tags\` of ${where}`)])]
  }
  if (options.metadata !== undefined) job.metadata = encodeMetadata(maker, options.metadata, where)
}

/** A job of a task with `order` is not put before others of its key. */
export const outOfOrder = (task: string, priority: unknown): InvalidOptionError =>
  new InvalidOptionError(
    `\`priority\` of "${task}"`,
    priority,
    'left out: its jobs run in the order in which they come',
  )

function addLimits({ registry }: JobMaker, task: TaskDefinition, parsed: unknown, job: Mutable<NewJob>): void {
  const { limits } = task
  const ofQueue = registry.limitsOf(job.queue)
  if (ofQueue) {
    checkTogether(task.name, limits, job.queue, ofQueue)
    addQueueLimits(ofQueue, job)
  }
  if (limits?.lane) job.lane = typeof limits.lane === 'function' ? limits.lane(parsed) : limits.lane
  if (limits?.rate) job.rate = typeof limits.rate === 'function' ? limits.rate(parsed) : limits.rate
}

function addQueueLimits({ lane, rate }: QueueLimits, job: Mutable<NewJob>): void {
  if (lane) job.lane = lane
  if (rate) job.rate = rate
}

/** The job in another queue: with that one's limits and not those of the one it leaves. @throws InvalidOptionError */
export function inQueue({ registry }: JobMaker, job: NewJob, queue: string): NewJob {
  const [before, after] = [registry.limitsOf(job.queue), registry.limitsOf(queue)]
  if (queue === job.queue) return job
  if (!before && !after) return { ...job, queue }
  const task = registry.get(job.task)
  const { lane, rate, ...rest } = job
  const moved: Mutable<NewJob> = { ...rest, queue }
  if (lane && lane !== before?.lane) moved.lane = lane
  if (rate && rate !== before?.rate) moved.rate = rate
  if (after) {
    checkTogether(task.name, task.limits, queue, after)
    addQueueLimits(after, moved)
  }
  return moved
}

/** True for tasks whose jobs need more than `PlainJob` says. */
const isSpecial = (task: TaskDefinition) =>
  task.once ||
  task.expiresMs !== undefined ||
  task.version !== 1 ||
  task.redact !== undefined ||
  task.tags !== undefined ||
  task.onSucceeded !== undefined ||
  task.onFailed !== undefined ||
  task.unique !== undefined

/**
 * Makes a job. `parsed` is what the schema made of `input`; what is stored is the caller's own value.
 *
 * @throws InvalidOptionError, UnknownOptionError, NotStorableError, PayloadTooLargeError, UnknownTaskError
 */
export function newJob(
  maker: JobMaker,
  task: TaskDefinition,
  input: unknown,
  parsed: unknown,
  options: EnqueueOptions | undefined,
): NewJob {
  const job: Mutable<NewJob> = new PlainJob(maker, task, input)
  if (isSpecial(task)) addTaskParts(maker, task, parsed, job)
  if (options) addOptions(maker, task, parsed, options, job)
  if (task.limits !== undefined || maker.registry.limitsQueues) addLimits(maker, task, parsed, job)

  return job
}
