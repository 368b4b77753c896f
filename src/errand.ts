/** The app object: tasks, store, client and workers together. */
import { cancelFound, removeFound, retryFound } from './client/bulk.ts'
import { Client } from './client/client.ts'
import type { EnqueueOptions } from './client/enqueue-options.ts'
import type { JobHandle } from './client/handle.ts'
import {
  findJobs,
  type BulkAnswer,
  type BulkOptions,
  type JobsPage,
  type JobsQuery,
  type PageOptions,
} from './client/queries.ts'
import { Limits } from './client/limits.ts'
import { Queue, type QueueInfo } from './client/queue.ts'
import { StoredJob } from './client/stored-job.ts'
import { watchJobs, type JobNews } from './client/watch.ts'
import { jsonCodec } from './codec.ts'
import { systemEnv } from './env.ts'
import { errandDefaults, errandOptionNames, type ErrandOptions } from './errand-options.ts'
import { InvalidOptionError, StoreOpenError } from './errors.ts'
import { Bus } from './events/bus.ts'
import type { EventName, Listener } from './events/events.ts'
import { checkOptions, checkQueue } from './options.ts'
import { Runtime } from './runtime.ts'
import { checkStore, missingAt, openStore, placeOf, type StoreOpener } from './store/open.ts'
import type { EventFilter, Inspection, StatRow, Store, WorkerRecord } from './store/store.ts'
import type { AnyBatchOptions, BatchHandler, BatchOptions, DeclaredBatch } from './task/batch.ts'
import type { Middleware } from './task/middleware.ts'
import type { AnyTaskOptions, TaskDefinition } from './task/definition.ts'
import { DefinedTask } from './client/defined-task.ts'
import { Beat } from './schedule/beat.ts'
import { DeclaredSchedules } from './schedule/declared.ts'
import type { ScheduleRule } from './schedule/rule.ts'
import { Schedules } from './schedule/schedules.ts'
import { queueLimits } from './task/limits.ts'
import { Registry } from './task/registry.ts'
import type { Step } from './task/step.ts'
import type { InputOf, OutputOf, StandardSchema } from './task/schema.ts'
import type { Kept, Plain, Stored } from './task/stored.ts'
import type { AnyTask, Declared, Handler, Task, TaskOptions } from './task/task.ts'
import { builtInTasks } from './workflow/built-in.ts'
import { enqueueFlow } from './workflow/enqueue.ts'
import { WorkflowHandle, type Workflow } from './workflow/handle.ts'
import { findWorkflows, type WorkflowsPage } from './workflow/list.ts'
import { workerDefaults, type WorkerOptions } from './worker/options.ts'
import { Worker } from './worker/worker.ts'

/**
 * One app. Making it opens nothing, starts nothing and keeps no process alive; the store opens at first use.
 *
 * `Context` are the fields that middleware adds to every job's context.
 */
export class Errand<Context extends object = {}> {
  readonly #runtime: Runtime
  readonly #client: Client
  readonly #workers = new Set<Worker>()
  readonly #beats = new Set<Beat>()
  readonly #declared: DeclaredSchedules
  /** Made at run time, looked at, paused, run now, removed. */
  readonly schedules: Schedules
  /** Limits of tasks, keys and queues: looked at, and changed while workers run. */
  readonly limits: Limits
  #store: string | StoreOpener | Store
  #storeUsed = false

  /** @throws UnknownOptionError, InvalidOptionError */
  constructor(options: ErrandOptions = {}) {
    checkOptions(options, errandOptionNames, 'the options of Errand')
    const env = options.env ?? systemEnv()
    const payloadBytes = options.payloadBytes ?? errandDefaults.payloadBytes
    this.#store = checkStore(options.store ?? process.env['ERRAND_STORE'] ?? errandDefaults.store)
    if (!Number.isInteger(payloadBytes) || payloadBytes < 1) {
      throw new InvalidOptionError('`payloadBytes`', payloadBytes, 'a whole number of at least 1')
    }

    const queue = checkQueue(options.queue ?? errandDefaults.queue, '`queue` of Errand')
    const registry = new Registry(options.routes ?? {}, queue, queueLimits(options.queues ?? {}))
    this.#runtime = new Runtime({
      env,
      codec: jsonCodec,
      bus: new Bus(),
      registry,
      payloadBytes,
      openStore: async () => {
        this.#storeUsed = true
        const store = await openStore(this.#store, env)
        // Engines open at their first call, which may not be one inside a caller's transaction.
        await store.get([])
        return store
      },
    })
    for (const task of builtInTasks(queue)) registry.addBuiltIn(task)
    this.#client = new Client(this.#runtime)
    this.#declared = new DeclaredSchedules(this.#runtime)
    this.limits = new Limits(this.#runtime)
    this.schedules = new Schedules(this.#runtime, this.#declared, () => {
      for (const beat of this.#beats) beat.look()
    })
  }

  /**
   * Defines a task. Its `input` schema checks the caller's value when it is enqueued; the worker parses the stored value
   * and hands on what the schema makes of it. Without a schema, the handler's parameter type is the contract.
   *
   * @throws DuplicateTaskError, InvalidOptionError, UnknownOptionError
   */
  task<S extends StandardSchema<any, any>, R>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output?: undefined },
    handler: Handler<OutputOf<S>, R, Context>,
    ...check: Kept<R>
  ): Task<InputOf<S>, Stored<R>>
  task<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output: O },
    handler: Handler<OutputOf<S>, InputOf<O>, Context>,
  ): Task<InputOf<S>, Stored<OutputOf<O>>>
  task<I = void, R = unknown>(
    name: string,
    options: TaskOptions<I> & { input?: undefined; output?: undefined },
    handler: Handler<I, R, Context>,
    ...check: Plain<I, R>
  ): Task<I, Stored<R>>
  task<I = void, R = unknown>(name: string, handler: Handler<I, R, Context>, ...check: Plain<I, R>): Task<I, Stored<R>>
  task(name: string, second: AnyTaskOptions | Handler<any, any, any>, third?: unknown): Task<any, any> {
    const [options, handler] = typeof second === 'function' ? [{}, second] : [second, third]
    if (typeof handler !== 'function')
      throw new InvalidOptionError(`the handler of task "${name}"`, handler, 'a function')

    return this.#defined(this.#runtime.registry.add(name, options, handler as Handler<any, any, any>))
  }

  /**
   * Defines a task whose jobs are handled many at a time: they gather in the store until `size` of them are there or the
   * first has waited for `wait`. Each is enqueued, retried, cancelled and read by itself; the handler answers for each.
   *
   * @throws DuplicateTaskError, InvalidOptionError, UnknownOptionError
   */
  batchTask<S extends StandardSchema<any, any>, R>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output?: undefined },
    handler: BatchHandler<OutputOf<S>, R, Context>,
  ): Task<InputOf<S>, Stored<R>>
  batchTask<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output: O },
    handler: BatchHandler<OutputOf<S>, InputOf<O>, Context>,
  ): Task<InputOf<S>, Stored<OutputOf<O>>>
  batchTask<I, R>(
    name: string,
    options: BatchOptions<I> & { input?: undefined; output?: undefined },
    handler: BatchHandler<I, R, Context>,
    ...check: Plain<I>
  ): Task<I, Stored<R>>
  batchTask(name: string, options: AnyBatchOptions, handler: unknown): Task<any, any> {
    if (typeof handler !== 'function')
      throw new InvalidOptionError(`the handler of batch task "${name}"`, handler, 'a function')

    return this.#defined(this.#runtime.registry.addBatch(name, options, handler as BatchHandler<any, unknown, any>))
  }

  /**
   * A task whose handler is given elsewhere with `handle`, so that who only enqueues need not load what only workers use.
   * What it returns is told by an `output` schema or by `.returns<R>()`.
   */
  declare<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output: O },
  ): Declared<InputOf<S>, OutputOf<S>, Stored<OutputOf<O>>, InputOf<O>>
  declare<S extends StandardSchema<any, any>>(
    name: string,
    options: TaskOptions<OutputOf<S>> & { input: S; output?: undefined },
  ): Declared<InputOf<S>, OutputOf<S>, null, void>
  declare<I = void>(
    name: string,
    options?: TaskOptions<I> & { input?: undefined; output?: undefined },
    ...check: Plain<I>
  ): Declared<I, I, null, void>
  declare(name: string, options: AnyTaskOptions = {}): Declared<any, any, any, any> {
    return this.#declaration(this.#runtime.registry.add(name, options, undefined))
  }

  /** A batch task whose handler is given elsewhere with `handle`; otherwise as `declare`. */
  declareBatch<S extends StandardSchema<any, any>, O extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output: O },
  ): DeclaredBatch<InputOf<S>, OutputOf<S>, Stored<OutputOf<O>>, InputOf<O>>
  declareBatch<S extends StandardSchema<any, any>>(
    name: string,
    options: BatchOptions<OutputOf<S>> & { input: S; output?: undefined },
  ): DeclaredBatch<InputOf<S>, OutputOf<S>, null, void>
  declareBatch<I>(
    name: string,
    options: BatchOptions<I> & { input?: undefined; output?: undefined },
    ...check: Plain<I>
  ): DeclaredBatch<I, I, null, void>
  declareBatch(name: string, options: AnyBatchOptions): DeclaredBatch<any, any, any, any> {
    return this.#declaration(this.#runtime.registry.addBatch(name, options, undefined))
  }

  /**
   * Gives a declared task its handler.
   *
   * @throws HandlerError if it has one, UnknownTaskError if another app declared it
   */
  handle<I, O, R, H>(task: Declared<I, O, R, H>, handler: Handler<O, H, Context>): void
  handle<I, O, R, H>(task: DeclaredBatch<I, O, R, H>, handler: BatchHandler<O, H, Context>): void
  handle(task: AnyTask, handler: Handler<any, any, any> | BatchHandler<any, any, any>): void {
    this.#runtime.registry.handle(task.name, handler)
  }

  /** Wraps every enqueueing and run from now on; the first added is the outermost. */
  use<Fields extends object = {}>(middleware: Middleware<Fields>): Errand<Context & Fields> {
    checkOptions(middleware, ['enqueue', 'run'], 'the middleware')
    this.#runtime.middleware.push(middleware)

    return this as unknown as Errand<Context & Fields>
  }

  /**
   * Enqueues a flow: what `chain`, `group` and their like give, or a task with its input. The handle gives its last result.
   *
   * @throws InvalidOptionError, and what enqueueing each of its tasks throws
   */
  enqueue<Result>(flow: Step<void, Result>, options?: EnqueueOptions): Promise<Workflow<Result>>
  /**
   * Enqueues by name, for callers that do not have the task at hand. The input is checked against the task's schema.
   *
   * @throws UnknownTaskError when no task of this process has the name
   */
  enqueue(name: string, input?: unknown, options?: EnqueueOptions): Promise<JobHandle>
  async enqueue(work: string | Step<void, unknown>, second?: unknown, third?: EnqueueOptions): Promise<JobHandle<any>> {
    if (typeof work === 'string') return this.#client.enqueue(this.#runtime.registry.get(work), second, third)

    return enqueueFlow(this.#runtime, this.#client, work, second as EnqueueOptions | undefined)
  }

  /** The handle of any job, by its id. Nothing is looked up. */
  job(id: string): JobHandle {
    return new StoredJob(this.#runtime, id, undefined, false)
  }

  /** A workflow by its id: all of its steps. Nothing is looked up. */
  workflow(id: string): Workflow {
    return new WorkflowHandle(this.#runtime, id)
  }

  /** A page of workflows, newest first. */
  async workflows(options: { limit?: number; cursor?: string } = {}): Promise<WorkflowsPage> {
    return findWorkflows(await this.open(), options)
  }

  /** A page of jobs, newest first. */
  async jobs(query: JobsQuery & PageOptions = {}): Promise<JobsPage> {
    return findJobs(await this.open(), this.#runtime.env, this.#runtime.codec, query)
  }

  /** Cancels all that the query finds. */
  async cancel(query: JobsQuery, options: BulkOptions = {}): Promise<BulkAnswer> {
    return cancelFound(this.#runtime, query, options)
  }

  /** Runs again all that the query finds and that is final. */
  async retry(query: JobsQuery, options: BulkOptions = {}): Promise<BulkAnswer> {
    return retryFound(this.#runtime, query, options)
  }

  /** Deletes all that the query finds and that is not running. */
  async remove(query: JobsQuery, options: BulkOptions = {}): Promise<BulkAnswer> {
    return removeFound(this.#runtime, query, options)
  }

  /** One queue: pause, resume, purge. */
  queue(name: string): Queue {
    return new Queue(this.#runtime, name)
  }

  /** Every queue that has had a job, with its jobs by state. From counters: never slow, perhaps a second old. */
  async queues(): Promise<QueueInfo[]> {
    return (await (await this.open()).counts()).map(({ queue, paused, states }) => ({ name: queue, paused, states }))
  }

  /** Runs that ended, by minute, task and outcome. */
  async stats(window: { from: Date; to: Date }): Promise<StatRow[]> {
    return (await this.open()).stats({ fromAt: window.from.getTime(), toAt: window.to.getTime() })
  }

  /** Workers believed alive, in all processes. */
  async workers(): Promise<WorkerRecord[]> {
    return (await this.open()).workers()
  }

  /** What the store knows about its own health and settings. */
  async inspect(): Promise<Inspection[]> {
    return (await this.open()).inspect()
  }

  /** A worker for this app's tasks. It does nothing before `start`. @throws HandlerError when no task has a handler */
  worker(options: WorkerOptions = {}): Worker {
    const beat = (options.beat ?? workerDefaults.beat) ? this.beat() : undefined
    const worker = new Worker(this.#runtime, options, beat)
    const forget = () => {
      this.#workers.delete(worker)
      if (beat) this.#beats.delete(beat)
    }
    this.#workers.add(worker)
    worker.finished.then(forget, forget)

    return worker
  }

  /**
   * Declares a schedule: each tick enqueues `work`. It comes into the store when a worker or a beat of this app starts.
   *
   * @throws DuplicateScheduleError, InvalidOptionError, UnknownOptionError, UnknownTaskError
   */
  schedule(name: string, rule: ScheduleRule, work: Step<void, unknown>): void {
    this.#declared.add(name, rule, work)
  }

  /** Fires schedules in this process, beside whatever else does. Workers do so by themselves. It does nothing before `start`. */
  beat(): Beat {
    const beat = new Beat(this.#runtime, this.#declared)
    this.#beats.add(beat)

    return beat
  }

  /** Listens to what happens in this process, until the function it gives is called. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    return this.#runtime.bus.on(name, listener)
  }

  /** What happens to jobs, in all processes, while it is listened to. Ends with the signal. */
  events(filter: EventFilter & { signal?: AbortSignal; reveal?: boolean } = {}): AsyncIterable<JobNews> {
    return watchJobs(this.#runtime, filter)
  }

  /** Names of the tasks defined here, with what is known of each. */
  get tasks(): readonly TaskDefinition[] {
    return this.#runtime.registry.all()
  }

  /** Opens the store now instead of at first use. @throws the store's errors */
  async open(): Promise<Store> {
    return this.#runtime.store ?? this.#runtime.open()
  }

  /** What is missing where its store is not there yet, in a sentence; asked without making it. @throws the store's errors */
  async missing(): Promise<string | undefined> {
    return this.#storeUsed ? undefined : missingAt(this.#store)
  }

  /** Where jobs are kept, for people: the store's URL without its password, or the engine's name. */
  get place(): string {
    return placeOf(this.#store)
  }

  /**
   * Keeps the jobs elsewhere than the options said, as `errand --store` does. Only before the store is first used.
   *
   * @throws StoreOpenError when it has been
   */
  useStore(store: string | StoreOpener | Store): void {
    if (this.#storeUsed) {
      throw new StoreOpenError(
        `The store ${this.place} is in use already, so it is too late for another. Open it later: not while modules are loaded.`,
      )
    }
    this.#store = store
  }

  /** Stops the workers made here, and closes the store. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers, ...this.#beats].map((each) => each.stop()))
    await this.#runtime.close()
  }

  /** Runs the `errand` command line for this app: `if (import.meta.main) await errand.cli()`. Gives the exit code, and sets it. */
  async cli(args: readonly string[] = process.argv.slice(2)): Promise<number> {
    const { runForApp } = await import('./cli/main.ts')

    return runForApp(this, args)
  }

  #declaration(definition: TaskDefinition): any {
    const task = this.#defined(definition)

    return Object.assign(task, { returns: () => task })
  }

  #defined(definition: TaskDefinition): DefinedTask {
    return new DefinedTask(this.#runtime, this.#client, definition)
  }
}
