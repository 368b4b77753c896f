/** Asking for work: from inputs to jobs in the store. */
import {
  IdConflictError,
  PartlyEnqueuedError,
  StoreOpenError,
  TransactionError,
  UnknownDependencyError,
  UnknownOutcomeError,
} from '../errors.ts'
import { priorityOf, rankOf } from '../job.ts'
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob, Store } from '../store/store.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { DraftJob } from '../task/middleware.ts'
import { parseInput } from '../task/validate.ts'
import type { EnqueueOptions } from './enqueue-options.ts'
import type { JobHandle } from './handle.ts'
import { StoredJob } from './stored-job.ts'
import { newJob } from './new-job.ts'

/** Inserts with an unknown outcome are repeated, with the same ids, this often. */
const repeats = 3

export class Client {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  async enqueue(task: TaskDefinition, input: unknown, options?: EnqueueOptions): Promise<JobHandle<any>> {
    const job = newJob(this.#runtime, task, input, task.input ? await parseInput(task, input) : input, options)
    const [handle] = options?.tx === undefined ? await this.#insert([job]) : await this.#insertWith(options.tx, [job])

    return handle!
  }

  async enqueueMany(
    task: TaskDefinition,
    inputs: readonly unknown[],
    options?: EnqueueOptions,
  ): Promise<JobHandle<any>[]> {
    const jobs: NewJob[] = []
    for (const input of inputs) {
      jobs.push(newJob(this.#runtime, task, input, task.input ? await parseInput(task, input) : input, options))
    }
    if (options?.tx !== undefined) return this.#insertWith(options.tx, jobs)

    return this.#insertInSlices(jobs)
  }

  async #insertInSlices(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())
    const handles: JobHandle<any>[] = []

    for (const slice of slices(jobs, store.limits)) {
      try {
        handles.push(...(await this.#insert(slice)))
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

  async #insert(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    if (jobs.length === 0) return []
    if (this.#runtime.middleware.length === 0) return this.#send(jobs)
    const drafts = jobs.map((job) => this.#draft(job))
    let handles: JobHandle<any>[] = []

    await this.#wrapped(drafts, async () => {
      handles = await this.#send(jobs.map((job, index) => this.#redraft(job, drafts[index]!)))
    })
    return handles
  }

  #wrapped(drafts: readonly DraftJob[], last: () => Promise<void>): Promise<void> {
    return this.#runtime.middleware.reduceRight<() => Promise<void>>(
      (next, each) => (each.enqueue ? () => each.enqueue!(drafts, next) : next),
      last,
    )()
  }

  #draft(job: NewJob): DraftJob {
    const { codec } = this.#runtime

    return {
      id: job.id,
      task: job.task,
      input: codec.decode(job.input),
      queue: job.queue,
      priority: priorityOf(job.rank),
      tags: [...(job.tags ?? [])],
      metadata: job.metadata ? (codec.decode(job.metadata) as Record<string, unknown>) : {},
    }
  }

  #redraft(job: NewJob, { queue, priority, tags, metadata }: DraftJob): NewJob {
    return {
      ...job,
      queue,
      rank: rankOf(priority),
      ...(tags.length > 0 && { tags }),
      ...(Object.keys(metadata).length > 0 && {
        metadata: this.#runtime.codec.encode(metadata, `the metadata of "${job.task}"`),
      }),
    }
  }

  async #send(jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())
    const [outcomes] = await insertSafely(store, jobs)

    return this.#handles(jobs, outcomes!)
  }

  async #insertWith(transaction: unknown, jobs: readonly NewJob[]): Promise<JobHandle<any>[]> {
    const store = this.#runtime.store
    // Opening waits, and the caller's transaction must not be held open across a wait.
    if (!store)
      throw new StoreOpenError(
        'The store is not open yet, and `tx` needs it at once. Call `await errand.open()` at start.',
      )
    if (!store.insertWith)
      throw new TransactionError(
        `The ${store.engine} store cannot enqueue inside a transaction of yours. Leave \`tx\` out.`,
      )
    const [outcomes] = store.insertWith(transaction, [jobs])

    return this.#handles(jobs, outcomes!)
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
export async function insertSafely(store: Store, jobs: readonly NewJob[]): Promise<InsertOutcome[][]> {
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

/** Cuts jobs into calls that the store takes whole. */
function* slices(jobs: readonly NewJob[], limits: { jobsPerCall: number; bytesPerCall: number }): Generator<NewJob[]> {
  let slice: NewJob[] = []
  let bytes = 0

  for (const job of jobs) {
    if (slice.length === limits.jobsPerCall || (slice.length > 0 && bytes + job.input.length > limits.bytesPerCall)) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(job)
    bytes += job.input.length
  }
  if (slice.length > 0) yield slice
}
