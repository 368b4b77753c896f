/** The tasks of one app, by name, and the queue each goes to. */
import { DuplicateTaskError, HandlerError, InvalidOptionError, UnknownTaskError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { checkQueue } from '../options.ts'
import { defineTask, type AnyTaskOptions, type Queues, type TaskDefinition } from './definition.ts'
import { defineBatchTask, type AnyBatchOptions, type BatchHandler } from './batch.ts'
import { isKeyed, type QueueLimits } from './limits.ts'
import type { Handler } from './task.ts'

/** A task as its app tells of it. */
export interface TaskInfo {
  readonly name: string
  /** Where its jobs go that name no queue of their own. */
  readonly queue: string
  /** False while it is only declared: another process has its handler. */
  readonly handled: boolean
  /** Paths of what readers of its jobs do not see. */
  readonly redact: readonly string[]
}

/** `email.*` takes every name that begins with `email.`; a name without a star takes itself. */
function routePattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')

  return new RegExp(`^${escaped}$`)
}

const noLimits: ReadonlyMap<string, QueueLimits> = new Map()

export class Registry implements Queues {
  readonly #tasks = new Map<string, TaskDefinition>()
  /** Known to every process, and not among those of the app. */
  readonly #builtIn = new Map<string, TaskDefinition>()
  readonly #routes: readonly (readonly [RegExp, string])[]
  readonly #defaultQueue: string
  readonly #queueLimits: ReadonlyMap<string, QueueLimits>

  constructor(
    routes: Readonly<Record<string, string>>,
    defaultQueue: string,
    queueLimits: ReadonlyMap<string, QueueLimits> = noLimits,
  ) {
    this.#queueLimits = queueLimits
    this.#routes = Object.entries(routes).map(
      ([pattern, queue]) => [routePattern(pattern), checkQueue(queue, `the queue of route "${pattern}"`)] as const,
    )
    this.#defaultQueue = defaultQueue
  }

  /** The first route that fits the name, else the default queue. */
  queueFor(name: string): string {
    return this.#routes.find(([pattern]) => pattern.test(name))?.[1] ?? this.#defaultQueue
  }

  /** Whether any queue has limits. */
  get limitsQueues(): boolean {
    return this.#queueLimits.size > 0
  }

  limitsOf(queue: string): QueueLimits | undefined {
    return this.#queueLimits.get(queue)
  }

  add(name: string, options: AnyTaskOptions, handler: Handler<any, unknown, any> | undefined): TaskDefinition {
    return this.#added(name, () => defineTask(name, options, handler, this))
  }

  addBatch(
    name: string,
    options: AnyBatchOptions,
    handler: BatchHandler<any, unknown, any> | undefined,
  ): TaskDefinition {
    return this.#added(name, () => defineBatchTask(name, options, handler, this))
  }

  addBuiltIn(task: TaskDefinition): void {
    this.#builtIn.set(task.name, task)
  }

  #added(name: string, define: () => TaskDefinition): TaskDefinition {
    if (this.#tasks.has(name) || this.#builtIn.has(name)) throw new DuplicateTaskError(name)
    const task = define()
    this.#refuseSharedNames(task)
    this.#tasks.set(name, task)

    return task
  }

  /** `a` by the key `b:c` and `a:b` by the key `c` would be one limit. */
  #refuseSharedNames({ name, limits }: TaskDefinition): void {
    if (!limits) return
    const clash = this.all().find(
      (other) =>
        other.limits &&
        ((isKeyed(limits) && other.name.startsWith(`${name}:`)) ||
          (isKeyed(other.limits) && name.startsWith(`${other.name}:`))),
    )
    if (!clash && !name.startsWith('queue:')) return
    throw new InvalidOptionError(
      'the name of a task with limits',
      name,
      `one that cannot be taken for ${clash ? `a key of task "${clash.name}"` : 'a queue'}: limits are named <task>:<key> and queue:<queue>`,
    )
  }

  handle(name: string, handler: Handler<any, unknown, any> | BatchHandler<any, unknown, any>): void {
    const task = this.get(name)
    if (task.handler)
      throw new HandlerError(`Task "${name}" has a handler already. Give each declared task one handler.`)
    task.handler = handler as Handler<any, unknown, any>
  }

  find(name: string): TaskDefinition | undefined {
    return this.#tasks.get(name) ?? this.#builtIn.get(name)
  }

  /** @throws UnknownTaskError */
  get(name: string): TaskDefinition {
    const task = this.find(name)
    if (!task) throw new UnknownTaskError(name, this.names(), nearest(name, this.names()))

    return task
  }

  all(): TaskDefinition[] {
    return [...this.#tasks.values()]
  }

  infos(): TaskInfo[] {
    return this.all().map(({ name, queue, handler, redact }) => ({
      name,
      queue,
      handled: handler !== undefined,
      redact: redact ?? [],
    }))
  }

  names(): string[] {
    return [...this.#tasks.keys()]
  }

  /** Names of the tasks that this process can run. */
  handledNames(): string[] {
    return this.all().flatMap((task) => (task.handler ? [task.name] : []))
  }
}
