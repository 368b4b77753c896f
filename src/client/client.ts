/** Asking for work: from inputs to jobs in the store. */
import {
  ClaimLostError,
  IdConflictError,
  InvalidOptionError,
  PartlyEnqueuedError,
  StoreOpenError,
  TransactionError,
  UnknownDependencyError,
} from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob } from '../store/store.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { parseInput } from '../task/validate.ts'
import { throughMiddleware } from './drafts.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import type { JobHandle } from './handle.ts'
import { insertSafely, slices } from './inserting.ts'
import { StoredJob } from './stored-job.ts'
import { newJob } from './new-job.ts'

/** Jobs are made in pieces of so many, lest many of them hold the event loop. */
const jobsPerLook = 64

export class Client {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  enqueue(task: TaskDefinition, input: unknown, options?: EnqueueOptions): Promise<JobHandle<any>> {
    try {
      if (options?.tx !== undefined) return this.#enqueueWith(options.tx, task, input, options)
      const job = this.#job(task, input, options)

      return job instanceof Promise ? job.then((late) => this.#enqueueOne(late)) : this.#enqueueOne(job)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #enqueueOne(job: NewJob): Promise<JobHandle<any>> {
    if (this.#runtime.middleware.length === 0) return this.#runtime.gathering.add(job, this.#handle)

    return throughMiddleware(this.#runtime, [job], ([drafted]) => this.#runtime.gathering.add(drafted!, this.#handle))
  }

  async #enqueueWith(tx: unknown, task: TaskDefinition, input: unknown, options: EnqueueOptions) {
    const [handle] = await this.insertWith(tx, [this.#jobAtOnce(task, input, options)], this.#handles)

    return handle!
  }

  async enqueueMany(
    task: TaskDefinition,
    inputs: readonly unknown[],
    options?: EnqueueOptions,
  ): Promise<JobHandle<any>[]> {
    for (const option of ['id', 'unique'] as const) {
      if (options?.[option] !== undefined) {
        throw new InvalidOptionError(`\`${option}\` of \`enqueueMany\``, options[option], 'left out: it is for one job')
      }
    }
    if (options?.tx === undefined) return this.#insertInSlices(await this.#jobs(task, inputs, options))

    return this.insertWith(
      options.tx,
      inputs.map((input) => this.#jobAtOnce(task, input, options)),
      this.#handles,
    )
  }

  #job(task: TaskDefinition, input: unknown, options: EnqueueOptions | undefined): NewJob | Promise<NewJob> {
    const parsed = parseInput(task, input)
    if (!(parsed instanceof Promise)) return newJob(this.#runtime, task, input, parsed, options)

    return parsed.then((late: unknown) => newJob(this.#runtime, task, input, late, options))
  }

  /** Everything is checked before anything is sent; the event loop has its turn in between. */
  async #jobs(
    task: TaskDefinition,
    inputs: readonly unknown[],
    options: EnqueueOptions | undefined,
  ): Promise<NewJob[]> {
    const { stretch } = this.#runtime
    const jobs: NewJob[] = []

    for (const input of inputs) {
      const job = this.#job(task, input, options)
      jobs.push(job instanceof Promise ? await job : job)
      if (jobs.length % jobsPerLook === 0 && stretch.isOver()) await stretch.pause()
    }
    return jobs
  }

  #jobAtOnce(task: TaskDefinition, input: unknown, options: EnqueueOptions): NewJob {
    const job = this.#job(task, input, options)
    if (!(job instanceof Promise)) return job
    job.catch(() => {})

    throw tooLate(`the schema of "${task.name}" is asynchronous`)
  }

  async #insertInSlices(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())
    const calls = slices(jobs, store.limits)
    if (calls.length === 1) return this.#insert(jobs)
    const handles: JobHandle<any>[] = []

    for (const slice of calls) {
      try {
        for (const handle of await this.#insert(slice)) handles.push(handle)
      } catch (error) {
        if (handles.length === 0) throw error
        throw new PartlyEnqueuedError(
          handles.map(({ id }) => id),
          jobs.length,
          error,
        )
      }
    }
    return handles
  }

  #insert(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    if (this.#runtime.middleware.length === 0) return this.#send(jobs)

    return throughMiddleware(this.#runtime, jobs, (drafted) => this.#send(drafted))
  }

  /** Inserts before it returns its promise: the caller's transaction must not be held open across a wait. */
  insertWith<T>(
    transaction: unknown,
    jobs: readonly NewJob[],
    take: (jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]) => T,
  ): Promise<T> {
    let late = false
    const inserted = throughMiddleware(this.#runtime, jobs, (drafted) => {
      if (late) throw tooLate('a middleware waits before it calls `next`')
      const outcomes = this.#sendWith(transaction, drafted)
      return outcomes instanceof Promise ? outcomes.then(([one]) => take(drafted, one!)) : take(drafted, outcomes[0]!)
    })
    late = true

    return inserted
  }

  async #send(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())
    const [outcomes] = await insertSafely(store, [jobs])

    return this.#handles(jobs, outcomes!)
  }

  #sendWith(transaction: unknown, jobs: readonly NewJob[]): InsertOutcome[][] | Promise<InsertOutcome[][]> {
    const store = this.#runtime.store
    if (!store)
      throw new StoreOpenError(
        'The store is not open yet, and `tx` needs it at once. Call `await errand.open()` at start.',
      )
    if (!store.insertWith)
      throw new TransactionError(
        `The ${store.engine} store cannot enqueue inside a transaction of yours. Leave \`tx\` out.`,
      )

    return store.insertWith(transaction, [jobs])
  }

  readonly #handles = (jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): JobHandle<any>[] => {
    if (outcomes.some(({ kind }) => kind === 'refused')) throw refusal(outcomes)

    return jobs.map((job, index) => this.#handle(outcomes[index]!, job))
  }

  /** Bound once: it is handed on for every job. */
  readonly #handle = (outcome: InsertOutcome, job: NewJob): JobHandle<any> => {
    if (outcome.kind === 'refused') throw refusal([outcome])
    if (outcome.kind === 'kept') return new StoredJob(this.#runtime, outcome.other, job.task, true)
    const { bus } = this.#runtime
    if (outcome.kind !== 'exists' && bus.hears('enqueued'))
      bus.emit('enqueued', { id: job.id, task: job.task, queue: job.queue })

    return new StoredJob(this.#runtime, job.id, job.task, false)
  }
}

/** What a refused call says to whoever made it. */
export function refusal(outcomes: readonly InsertOutcome[]): Error {
  const { reason, other = '' } = culprit(outcomes) ?? {}
  if (reason === 'stale') return new ClaimLostError(other)

  return reason === 'unknown' ? new UnknownDependencyError(other) : new IdConflictError(other)
}

/** The outcome that a whole call was refused because of. */
export function culprit(outcomes: readonly InsertOutcome[]): Extract<InsertOutcome, { kind: 'refused' }> | undefined {
  return outcomes.find((outcome) => outcome.kind === 'refused' && outcome.reason !== 'companion') as never
}

export const tooLate = (why: string): TransactionError =>
  new TransactionError(
    `Cannot enqueue inside your transaction: ${why}, and it could be over by then. Nothing was enqueued. Leave \`tx\` out, or do that work before.`,
  )
