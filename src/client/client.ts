/** Asking for work: from inputs to jobs in the store. */
import {
  IdConflictError,
  InvalidOptionError,
  PartlyEnqueuedError,
  StoreOpenError,
  TransactionError,
  UnknownDependencyError,
  UnknownOutcomeError,
} from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob, Store } from '../store/store.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { parseInput } from '../task/validate.ts'
import { throughMiddleware } from './drafts.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import type { JobHandle } from './handle.ts'
import { StoredJob } from './stored-job.ts'
import { newJob } from './new-job.ts'

/** Inserts with an unknown outcome are repeated, with the same ids, this often. */
const repeats = 3
/** Jobs are made for this long at a stretch, looking at the clock now and then; then the event loop has its turn. */
const stretchMs = 4
const jobsPerLook = 64

export class Client {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  async enqueue(task: TaskDefinition, input: unknown, options?: EnqueueOptions): Promise<JobHandle<any>> {
    const [handle] =
      options?.tx === undefined
        ? await this.#insert([await this.#job(task, input, options)])
        : await this.#insertWith(options.tx, [this.#jobAtOnce(task, input, options)])

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

    return this.#insertWith(
      options.tx,
      inputs.map((input) => this.#jobAtOnce(task, input, options)),
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
    const { env } = this.#runtime
    const jobs: NewJob[] = []
    let stretchUntil = env.monotonic() + stretchMs

    for (const input of inputs) {
      const job = this.#job(task, input, options)
      jobs.push(job instanceof Promise ? await job : job)
      if (jobs.length % jobsPerLook === 0 && env.monotonic() > stretchUntil) {
        await new Promise<void>((resolve) => env.soon(resolve))
        stretchUntil = env.monotonic() + stretchMs
      }
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
    const handles: JobHandle<any>[] = []

    for (const slice of slices(jobs, store.limits)) {
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
  #insertWith(transaction: unknown, jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    let late = false
    const inserted = throughMiddleware(this.#runtime, jobs, (drafted) => {
      if (late) throw tooLate('a middleware waits before it calls `next`')
      return this.#sendWith(transaction, drafted)
    })
    late = true

    return inserted
  }

  async #send(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())
    const [outcomes] = await insertSafely(store, jobs)

    return this.#handles(jobs, outcomes!)
  }

  #sendWith(transaction: unknown, jobs: readonly NewJob[]): JobHandle<any>[] | Promise<JobHandle<any>[]> {
    const store = this.#runtime.store
    if (!store)
      throw new StoreOpenError(
        'The store is not open yet, and `tx` needs it at once. Call `await errand.open()` at start.',
      )
    if (!store.insertWith)
      throw new TransactionError(
        `The ${store.engine} store cannot enqueue inside a transaction of yours. Leave \`tx\` out.`,
      )
    const inserted = store.insertWith(transaction, [jobs])

    return inserted instanceof Promise
      ? inserted.then(([outcomes]) => this.#handles(jobs, outcomes!))
      : this.#handles(jobs, inserted[0]!)
  }

  #handles(jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): JobHandle<any>[] {
    const { bus } = this.#runtime
    const heard = bus.hears('enqueued')

    return jobs.map((job, index) => {
      const outcome = outcomes[index]!
      if (outcome.kind === 'refused') throw refusal(jobs, outcomes)
      if (outcome.kind === 'kept') return new StoredJob(this.#runtime, outcome.other, job.task, true)
      if (heard && outcome.kind !== 'exists') bus.emit('enqueued', { id: job.id, task: job.task, queue: job.queue })

      return new StoredJob(this.#runtime, job.id, job.task, false)
    })
  }
}

/** Repeats an insert whose outcome is unknown: the same ids make that safe. */
async function insertSafely(store: Store, jobs: readonly NewJob[]): Promise<InsertOutcome[][]> {
  for (let repeat = 1; ; repeat++) {
    try {
      return await store.insert([jobs])
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError) || repeat === repeats) throw error
    }
  }
}

function refusal(jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): Error {
  const index = outcomes.findIndex((outcome) => outcome.kind === 'refused' && outcome.reason !== 'companion')
  const cause = outcomes[index]
  if (cause?.kind === 'refused' && cause.reason === 'unknown') return new UnknownDependencyError(cause.other ?? '')

  return new IdConflictError(jobs[index]?.id ?? '')
}

const tooLate = (why: string) =>
  new TransactionError(
    `Cannot enqueue inside your transaction: ${why}, and it could be over by then. Nothing was enqueued. Leave \`tx\` out, or do that work before.`,
  )

const sizeOf = (job: NewJob) => job.input.length + (job.metadata?.length ?? 0)

/** Cuts jobs into calls that the store takes whole. */
function* slices(jobs: readonly NewJob[], limits: { jobsPerCall: number; bytesPerCall: number }): Generator<NewJob[]> {
  let slice: NewJob[] = []
  let bytes = 0

  for (const job of jobs) {
    if (slice.length === limits.jobsPerCall || (slice.length > 0 && bytes + sizeOf(job) > limits.bytesPerCall)) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(job)
    bytes += sizeOf(job)
  }
  if (slice.length > 0) yield slice
}
