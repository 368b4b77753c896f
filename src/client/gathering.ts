/**
 * Single enqueues that are made together are sent together.
 *
 * What is asked for within one stretch of code, before anything else has its turn, goes to the store in one insert, or as
 * many as it fills. Each caller waits for the same answer and takes its own part of it.
 */
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob } from '../store/store.ts'
import { insertApart, type Call, type Fate } from './inserting.ts'

interface Batch {
  readonly calls: Call[]
  jobs: number
  readonly answer: Promise<readonly Fate[]>
  readonly send: () => void
}

export class Gathering {
  readonly #runtime: Runtime
  #batch: Batch | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Adds a job and gives what `take` makes of the answer to it. */
  add<T>(job: NewJob, take: (outcome: InsertOutcome, job: NewJob) => T): Promise<T> {
    return this.#join([job], (outcomes) => take(outcomes[0]!, job))
  }

  /** Adds jobs that go in together or not at all. */
  addCall(jobs: Call): Promise<InsertOutcome[]> {
    return this.#join(jobs, (outcomes) => outcomes)
  }

  #join<T>(call: Call, take: (outcomes: InsertOutcome[]) => T): Promise<T> {
    const batch = (this.#batch ??= this.#begin())
    const index = batch.calls.push(call) - 1
    batch.jobs += call.length
    // What fills a call gains nothing by waiting, and the store works while the rest is being asked for.
    if (batch.jobs >= (this.#runtime.store?.limits.jobsPerCall ?? Infinity)) batch.send()

    return batch.answer.then((fates) => {
      const fate = fates[index]!
      if ('error' in fate) throw fate.error
      return take(fate)
    })
  }

  #begin(): Batch {
    const calls: Call[] = []
    const { promise: answer, resolve } = Promise.withResolvers<readonly Fate[]>()
    const send = () => {
      if (this.#batch !== batch) return
      this.#batch = undefined
      resolve(this.#insert(calls))
    }
    const batch = { calls, jobs: 0, answer, send }
    queueMicrotask(send)

    return batch
  }

  async #insert(calls: readonly Call[]): Promise<readonly Fate[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())

    return insertApart(store, calls)
  }
}
