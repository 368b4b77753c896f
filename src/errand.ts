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
import { runCounts, type CountedTime, type RunCount } from './client/run-counts.ts'
import { StoredJob } from './client/stored-job.ts'
import { watchJobs, type JobNews } from './client/watch.ts'
import { workerInfo, type WorkerInfo } from './client/worker-info.ts'
import { jsonCodec } from './codec.ts'
import { Defining } from './defining.ts'
import { systemEnv } from './env.ts'
import { errandDefaults, errandOptionNames, type ErrandOptions } from './errand-options.ts'
import { InvalidOptionError } from './errors.ts'
import { Bus } from './events/bus.ts'
import type { EventName, Listener } from './events/events.ts'
import { checkOptions, checkQueue } from './options.ts'
import { Runtime } from './runtime.ts'
import { StoreChoice } from './store-choice.ts'
import type { StoreOpener } from './store/open.ts'
import type { EventFilter, Inspection, Store } from './store/store.ts'
import type { Middleware } from './task/middleware.ts'
import { Beat } from './schedule/beat.ts'
import { DeclaredSchedules } from './schedule/declared.ts'
import type { ScheduleRule } from './schedule/rule.ts'
import { Schedules } from './schedule/schedules.ts'
import { queueLimits } from './task/limits.ts'
import { Registry, type TaskInfo } from './task/registry.ts'
import type { Step } from './task/step.ts'
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
export class Errand<Context extends object = {}> extends Defining<Context> {
  readonly #runtime: Runtime
  readonly #client: Client
  readonly #workers = new Set<Worker>()
  readonly #beats = new Set<Beat>()
  readonly #declared: DeclaredSchedules
  /** Made at run time, looked at, paused, run now, removed. */
  readonly schedules: Schedules
  /** Limits of tasks, keys and queues: looked at, and changed while workers run. */
  readonly limits: Limits
  readonly #choice: StoreChoice

  /** @throws UnknownOptionError, InvalidOptionError */
  constructor(options: ErrandOptions = {}) {
    checkOptions(options, errandOptionNames, 'the options of Errand')
    const env = options.env ?? systemEnv()
    const payloadBytes = options.payloadBytes ?? errandDefaults.payloadBytes
    const choice = new StoreChoice(options.store ?? process.env['ERRAND_STORE'] ?? errandDefaults.store)
    if (!Number.isInteger(payloadBytes) || payloadBytes < 1) {
      throw new InvalidOptionError('`payloadBytes`', payloadBytes, 'a whole number of at least 1')
    }

    const queue = checkQueue(options.queue ?? errandDefaults.queue, '`queue` of Errand')
    const registry = new Registry(options.routes ?? {}, queue, queueLimits(options.queues ?? {}))
    const runtime = new Runtime({
      env,
      codec: jsonCodec,
      bus: new Bus(),
      registry,
      payloadBytes,
      openStore: () => choice.open(env),
    })
    for (const task of builtInTasks(queue)) registry.addBuiltIn(task)
    const client = new Client(runtime)
    super(runtime, client)
    this.#choice = choice
    this.#runtime = runtime
    this.#client = client
    this.#declared = new DeclaredSchedules(runtime)
    this.limits = new Limits(runtime)
    this.schedules = new Schedules(runtime, this.#declared, () => {
      for (const beat of this.#beats) beat.look()
    })
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

  /** Runs that ended, by minute, task and outcome, oldest first. @throws InvalidOptionError, UnknownOptionError */
  async stats(time: CountedTime): Promise<RunCount[]> {
    return runCounts(await this.open(), time)
  }

  /** Workers that have joined and not left, in all processes. One with `leaseLeftMs: 0` has fallen silent, and nobody has looked after the store since. */
  async workers(): Promise<WorkerInfo[]> {
    return (await (await this.open()).workers()).map(workerInfo)
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

  /** The tasks defined here, in the order of their definition. */
  get tasks(): readonly TaskInfo[] {
    return this.#runtime.registry.infos()
  }

  /** Opens the store now instead of at first use. @throws the store's errors */
  async open(): Promise<Store> {
    return this.#runtime.store ?? this.#runtime.open()
  }

  /** What is missing where its store is not there yet, in a sentence; asked without making it. @throws the store's errors */
  async missing(): Promise<string | undefined> {
    return this.#choice.missing()
  }

  /** What can be said of its server where its store is not there yet; asked without making it. @throws the store's errors */
  async inspectServer(): Promise<Inspection[]> {
    return this.#choice.inspectServer()
  }

  /** Where jobs are kept, for people: the store's URL without its password, or the engine's name. */
  get place(): string {
    return this.#choice.place
  }

  /**
   * Keeps the jobs elsewhere than the options said, as `errand --store` does. Only before the store is first used.
   *
   * @throws StoreOpenError when it has been
   */
  useStore(store: string | StoreOpener | Store): void {
    this.#choice.change(store)
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
}
