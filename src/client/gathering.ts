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
    const { calls, answer, send } = (this.#batch ??= this.#begin())
    const index = calls.push([job]) - 1
    // What fills a call gains nothing by waiting, and the store works while the rest is being asked for.
    if (calls.length === this.#runtime.store?.limits.jobsPerCall) send()

    return answer.then((fates) => {
      const fate = fates[index]!
      if ('error' in fate) throw fate.error
      return take(fate[0]!, job)
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
    const batch = { calls, answer, send }
    queueMicrotask(send)

    return batch
  }

  async #insert(calls: readonly Call[]): Promise<readonly Fate[]> {
    const store = this.#runtime.store ?? (await this.#runtime.open())

    return insertApart(store, calls)
  }
}
