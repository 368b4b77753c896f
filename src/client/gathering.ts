/**
 * Single enqueues that are made together are sent together.
 *
 * What is asked for within one stretch of code, before anything else has its turn, goes to the store in one insert. Each
 * caller waits for the same answer and takes its own part of it.
 */
import type { Runtime } from '../runtime.ts'
import type { InsertOutcome, NewJob } from '../store/store.ts'
import { insertApart, type Call, type Fate } from './inserting.ts'

interface Batch {
  readonly calls: Call[]
  readonly answer: Promise<readonly Fate[]>
}

export class Gathering {
  readonly #runtime: Runtime
  #batch: Batch | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Adds a job and gives what `take` makes of the answer to it. */
  add<T>(job: NewJob, take: (outcome: InsertOutcome, job: NewJob) => T): Promise<T> {
    const { calls, answer } = (this.#batch ??= this.#begin())
    const index = calls.push([job]) - 1

    return answer.then((fates) => {
      const fate = fates[index]!
      if ('error' in fate) throw fate.error
      return take(fate[0]!, job)
    })
  }

  #begin(): Batch {
    const calls: Call[] = []
    const send = async () => {
      this.#batch = undefined
      const store = this.#runtime.store ?? (await this.#runtime.open())

      return insertApart(store, calls)
    }
    return { calls, answer: Promise.resolve().then(send) }
  }
}
