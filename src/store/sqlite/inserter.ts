/**
 * Group commit: calls that arrive within one turn of the event loop share a transaction.
 *
 * Nothing waits for a timer. A transaction takes so many jobs and no more; the loop gets a
 * breath between two of them. Callers are told when their jobs are on the disk; workers see them
 * at once, so a job may run a moment before `enqueue` resolves.
 */
import type { Env } from '../../env.ts'
import { UnknownOutcomeError } from '../../errors.ts'
import type { InsertOutcome, NewJob } from '../store.ts'
import { insertCalls } from './insert.ts'
import type { Step } from './step.ts'

interface Call {
  readonly jobs: readonly NewJob[]
  readonly done: (outcomes: InsertOutcome[]) => void
  readonly failed: (error: unknown) => void
}

type Write = <T>(body: (step: Step) => T) => Promise<T>

/** A call is written whole, so one alone may be larger than several may be together. */
export const jobsPerCall = 1000
const jobsPerTransaction = 500
export const bytesPerTransaction = 1_048_576

export class Inserter {
  readonly #env: Env
  readonly #write: Write
  readonly #durable: () => Promise<void>
  readonly #telling = new Set<Promise<void>>()
  #calls: Call[] = []
  #flushing: Promise<void> | undefined

  /** `write` commits lightly; `durable` resolves when what has been committed is as safe as was promised. */
  constructor(env: Env, write: Write, durable: () => Promise<void>) {
    this.#env = env
    this.#write = write
    this.#durable = durable
  }

  insert(calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]> {
    if (calls.length === 0) return Promise.resolve([])

    const outcomes = calls.map(
      (jobs) => new Promise<InsertOutcome[]>((done, failed) => this.#calls.push({ jobs, done, failed })),
    )
    this.#flushing ??= this.#flush()
    return Promise.all(outcomes)
  }

  /** Resolves when all that was asked for so far is written and told. */
  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing
    await Promise.all(this.#telling)
  }

  async #flush(): Promise<void> {
    while (this.#calls.length > 0) {
      await new Promise<void>((resolve) => this.#env.soon(resolve))
      await this.#writeTogether(this.#nextCalls())
    }
    this.#flushing = undefined
  }

  #nextCalls(): Call[] {
    let jobs = 0
    let bytes = 0
    const end = this.#calls.findIndex((call, index) => {
      jobs += call.jobs.length
      for (const job of call.jobs) bytes += job.input.length
      return index > 0 && (jobs > jobsPerTransaction || bytes > bytesPerTransaction)
    })
    return this.#calls.splice(0, end === -1 ? this.#calls.length : end)
  }

  /** One call that cannot be written must not take its neighbours with it. */
  async #writeTogether(calls: readonly Call[]): Promise<void> {
    try {
      const outcomes = await this.#write((step) =>
        insertCalls(
          step,
          calls.map(({ jobs }) => jobs),
        ),
      )
      this.#tellWhenDurable(calls, outcomes)
    } catch (error) {
      if (calls.length === 1 || isOfTheStore(error)) return calls.forEach(({ failed }) => failed(error))
      for (const call of calls) await this.#writeTogether([call])
    }
  }

  /** The next transaction need not wait for it. */
  #tellWhenDurable(calls: readonly Call[], outcomes: readonly InsertOutcome[][]): void {
    const told = this.#durable()
      .then(
        () => calls.forEach(({ done }, index) => done(outcomes[index]!)),
        (error: unknown) => calls.forEach(({ jobs, failed }) => failed(unknown(jobs, error))),
      )
      .finally(() => this.#telling.delete(told))
    this.#telling.add(told)
  }
}

const unknown = (jobs: readonly NewJob[], error: unknown) =>
  new UnknownOutcomeError(
    'an insert',
    jobs.map(({ id }) => id),
    error,
  )

/** Busy, full, closed: would only happen again for each alone. */
const isOfTheStore = (error: unknown) => error instanceof Error && 'code' in error && 'outcome' in error
