/**
 * Group commit: inserts that arrive within one turn of the event loop share a transaction.
 *
 * Nothing waits for a timer, and after a rest nothing for company either. A transaction takes so many jobs and no more, an insert always whole; the loop gets a
 * breath between two of them. Callers are told when their jobs are on the disk; workers see them at once, so a job may
 * run a moment before `enqueue` resolves.
 */
import type { Env } from '../../env.ts'
import { UnknownOutcomeError } from '../../errors.ts'
import { checkCalls } from '../checked-times.ts'
import type { InsertOutcome, NewJob } from '../store.ts'
import { insertCalls } from './insert.ts'
import type { Step } from './step.ts'

interface Insert {
  readonly calls: readonly (readonly NewJob[])[]
  readonly done: (outcomes: InsertOutcome[][]) => void
  readonly failed: (error: unknown) => void
}

type Write = <T>(body: (step: Step) => T) => Promise<T>

/** One insert is written whole, so it may be larger alone than several may be together. */
export const jobsPerCall = 1000
const jobsPerTransaction = 500
/** What comes sooner after a transaction is likely to have company. */
const restMs = 2
export const bytesPerTransaction = 1_048_576

export class Inserter {
  readonly #env: Env
  readonly #write: Write
  readonly #durable: () => Promise<void>
  readonly #telling = new Set<Promise<void>>()
  #inserts: Insert[] = []
  #flushing: Promise<void> | undefined
  #writtenAt = -Infinity

  /** `write` commits lightly; `durable` resolves when what has been committed is as safe as was promised. */
  constructor(env: Env, write: Write, durable: () => Promise<void>) {
    this.#env = env
    this.#write = write
    this.#durable = durable
  }

  insert(calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]> {
    checkCalls(calls)
    if (calls.length === 0) return Promise.resolve([])

    return new Promise((done, failed) => {
      this.#inserts.push({ calls, done, failed })
      this.#flushing ??= this.#flush()
    })
  }

  /** Resolves when all that was asked for so far is written and told. */
  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing
    await Promise.all(this.#telling)
  }

  async #flush(): Promise<void> {
    // After a rest the first is written at once: whoever comes with it finds the next transaction.
    if (this.#env.monotonic() - this.#writtenAt < restMs) await this.#breath()
    for (; this.#inserts.length > 0; await this.#breath()) {
      await this.#writeTogether(this.#next())
      this.#writtenAt = this.#env.monotonic()
    }
    this.#flushing = undefined
  }

  #breath(): Promise<void> {
    return new Promise((resolve) => this.#env.soon(resolve))
  }

  #next(): Insert[] {
    let jobs = 0
    let bytes = 0
    const end = this.#inserts.findIndex(({ calls }, index) => {
      for (const call of calls) {
        jobs += call.length
        for (const job of call) bytes += job.input.length
      }
      return index > 0 && (jobs > jobsPerTransaction || bytes > bytesPerTransaction)
    })
    return this.#inserts.splice(0, end === -1 ? this.#inserts.length : end)
  }

  /** One insert that cannot be written must not take its neighbours with it. */
  async #writeTogether(inserts: readonly Insert[]): Promise<void> {
    try {
      const outcomes = await this.#write((step) =>
        insertCalls(step, inserts.length === 1 ? inserts[0]!.calls : inserts.flatMap(({ calls }) => calls)),
      )
      this.#tellWhenDurable(inserts, outcomes)
    } catch (error) {
      if (inserts.length === 1 || isOfTheStore(error)) return inserts.forEach(({ failed }) => failed(error))
      for (const insert of inserts) await this.#writeTogether([insert])
    }
  }

  /** The next transaction need not wait for it. */
  #tellWhenDurable(inserts: readonly Insert[], outcomes: InsertOutcome[][]): void {
    const told = this.#durable()
      .then(
        () => tell(inserts, outcomes),
        (error: unknown) => inserts.forEach(({ calls, failed }) => failed(unknown(calls.flat(), error))),
      )
      .finally(() => this.#telling.delete(told))
    this.#telling.add(told)
  }
}

function tell(inserts: readonly Insert[], outcomes: InsertOutcome[][]): void {
  let from = 0
  for (const { calls, done } of inserts) {
    const to = from + calls.length
    done(calls.length === outcomes.length ? outcomes : outcomes.slice(from, to))
    from = to
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
