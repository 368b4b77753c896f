/** The follow-ups that a handler has asked for. What is wrong with one fails the attempt. */
import { throughMiddleware } from '../client/drafts.ts'
import { newJob } from '../client/new-job.ts'
import { TransactionError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { NewJob } from '../store/store.ts'
import { parseInput } from '../task/validate.ts'

interface Asked {
  made?: Promise<NewJob>
  /** Set at once, unless a schema or middleware takes its time. */
  job?: NewJob
  error?: unknown
}

export class FollowUps {
  readonly #runtime: Runtime
  readonly #asked: Asked[] = []

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  add(task: string, input: unknown, options: object | undefined): void {
    const asked: Asked = {}
    asked.made = this.#make(asked, task, input, options)
    // Its failure is the attempt's: `all` and `atOnce` throw it.
    asked.made.catch((error: unknown) => (asked.error = error))
    this.#asked.push(asked)
  }

  /** Once the inputs are checked. */
  async all(): Promise<NewJob[]> {
    return Promise.all(this.#asked.map(({ made }) => made!))
  }

  /** For a transaction that cannot wait. @throws TransactionError */
  atOnce(): NewJob[] {
    return this.#asked.map(({ job, error }) => {
      if (job) return job
      throw (
        error ??
        new TransactionError(
          'Cannot end the job inside your transaction: a follow-up waits for an asynchronous schema or middleware, and the ' +
            'transaction could be over by then. Nothing was written. Ask for it earlier, or enqueue it with `tx`.',
        )
      )
    })
  }

  async #make(asked: Asked, task: string, input: unknown, options: object | undefined): Promise<NewJob> {
    try {
      const definition = this.#runtime.registry.get(task)
      const parsed = parseInput(definition, input)
      const value = parsed instanceof Promise ? await parsed : parsed
      const job = newJob(this.#runtime, definition, input, value, options)

      return await throughMiddleware(this.#runtime, [job], ([drafted]) => (asked.job = drafted!))
    } catch (error) {
      asked.error = error
      throw error
    }
  }
}
