/**
 * Group commit: calls that arrive within one turn of the event loop, or while one is under way, share a transaction.
 *
 * Batches of plain jobs go beside each other, all others one at a time; what came earlier goes in earlier.
 */
import { sleep, type Env } from '../../env.ts'
import { StoreBusyError } from '../../errors.ts'
import { checkCalls } from '../checked-times.ts'
import type { InsertOutcome, NewJob } from '../store.ts'
import type { Clock } from './clock.ts'
import { atOf, flagsOf, inOf, isPlain, minutesOf, moreOf, namedIn, specOf } from './encode.ts'
import type { Names } from './names.ts'
import { raised, type Statements } from './statements.ts'
import type { Waking } from './waking.ts'

interface Call {
  readonly jobs: readonly NewJob[]
  readonly plain: boolean
  readonly done: (outcomes: InsertOutcome[]) => void
  readonly failed: (error: unknown) => void
}

const jobsPerTransaction = 1_000
/** How long one call is sent again while others keep what it needs. */
const patienceMs = 5_000
/** Longer than the gate is held for a try, so that others come through in between. */
const pauseMs = 400
const bytesPerTransaction = 1 << 20
const places = Array.from({ length: 15 }, (_, at) => `$${at + 1}`).join(', ')
const plainText = `select errand.insert_plain(${places}) as arrivals`
/** Where those who may sleep are in other processes. */
const plainAndWakeText = `call errand.insert_plain_and_wake(${places}, null)`
/** Transactions of plain jobs under way at once: while one waits for the disk the next is written. */
const inFlight = 3

const callsText = `select * from errand.insert_calls($1, $2, true)`

export class Inserter {
  readonly #env: Env
  readonly #clock: Clock
  readonly #statements: Statements
  readonly #names: Names
  readonly #waking: Waking
  #calls: Call[] = []
  #flushing = false
  readonly #underWay = new Set<Promise<void>>()

  constructor(parts: { env: Env; clock: Clock; statements: Statements; names: Names; waking: Waking }) {
    this.#env = parts.env
    this.#clock = parts.clock
    this.#statements = parts.statements
    this.#names = parts.names
    this.#waking = parts.waking
  }

  insert(calls: readonly (readonly NewJob[])[]): Promise<InsertOutcome[][]> {
    checkCalls(calls)
    return Promise.all(calls.map((jobs) => this.#add(jobs)))
  }

  #add(jobs: readonly NewJob[]): Promise<InsertOutcome[]> {
    return new Promise((done, failed) => {
      this.#calls.push({ jobs, plain: jobs.every(isPlain), done, failed })
      if (!this.#flushing) void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    await new Promise<void>((resolve) => this.#env.soon(resolve))
    while (this.#calls.length > 0) {
      if (this.#underWay.size >= inFlight) await Promise.race(this.#underWay)
      const calls = nextCalls(this.#calls)
      const plain = arePlain(calls)
      if (!plain) await Promise.all(this.#underWay)
      const sent: Promise<void> = this.#send(calls).finally(() => this.#underWay.delete(sent))
      this.#underWay.add(sent)
      if (!plain) await sent
    }
    this.#flushing = false
  }

  /** One call that cannot be written must not take its neighbours with it. */
  async #send(calls: readonly Call[]): Promise<void> {
    try {
      await this.#write(calls)
    } catch (error) {
      if (error instanceof StoreBusyError) return calls.forEach((call) => void this.#again(call, error))
      if (calls.length === 1 || isOfTheStore(error)) return calls.forEach(({ failed }) => failed(error))
      for (const call of calls) await this.#send([call])
    }
  }

  async #write(calls: readonly Call[]): Promise<void> {
    const jobs = calls.flatMap((call) => call.jobs)
    const outcomes = await this.#names.numbered(namedIn(jobs), () =>
      arePlain(calls) ? this.#writePlain(calls) : this.#writeCalls(calls),
    )
    calls.forEach(({ done }, index) => done(outcomes[index]!))
  }

  /** One that waits for somebody's own transaction, as for its key, waits beside the others. Never rejects. */
  async #again(call: Call, busy: StoreBusyError): Promise<void> {
    const until = this.#env.monotonic() + patienceMs
    let failure: unknown = busy
    while (failure instanceof StoreBusyError && this.#env.monotonic() < until) {
      await sleep(this.#env, pauseMs * (0.5 + this.#env.random()))
      try {
        return await this.#write([call])
      } catch (error) {
        failure = error
      }
    }
    call.failed(failure)
  }

  async #writePlain(calls: readonly Call[]): Promise<InsertOutcome[][]> {
    const jobs = calls.flatMap((call) => call.jobs)
    if (jobs.length === 0) return calls.map(() => [])
    const here = jobs.every(({ queue }) => this.#waking.isAwaitedHere(queue))
    try {
      const { arrivals } = await this.#statements.one<{ arrivals: number[] | null }>(
        here ? plainText : plainAndWakeText,
        [this.#names.mark, this.#clock().now, ...columns(jobs, this.#names)],
        { name: here ? 'errand_insert_plain' : 'errand_insert_plain_and_wake', ids: jobs.map(({ id }) => id) },
      )
      if (arrivals && here) this.#waking.wake(arrivals)
      else if (arrivals) this.#waking.wakeHere(arrivals)
      return calls.map((call) => call.jobs.map(() => inserted))
    } catch (error) {
      if (!mayBeThere(error, here)) throw error
      return this.#writeCalls(calls)
    }
  }

  async #writeCalls(calls: readonly Call[]): Promise<InsertOutcome[][]> {
    const specs = calls.map(({ jobs }) => jobs.map((job) => specOf(job, this.#names)))
    const answer = await this.#statements.one<{ outcomes: InsertOutcome[][]; arrivals: string | null }>(
      callsText,
      [this.#clock().now, JSON.stringify(specs)],
      { ids: calls.flatMap(({ jobs }) => jobs.map(({ id }) => id)) },
    )
    this.#waking.wake(queuesIn(answer.arrivals))
    return answer.outcomes
  }
}

/** An id that is there already; or perhaps it was the waking that failed, once the jobs were committed. */
function mayBeThere(error: unknown, here: boolean): boolean {
  const code = raised(error)
  return code === '23505' || (!here && code !== undefined && code !== 'ER007')
}

const inserted: InsertOutcome = { kind: 'inserted' }

/** Numbers of queues as the SQL functions note them. */
export const queuesIn = (arrivals: string | null | undefined): number[] =>
  arrivals ? arrivals.split(',').map(Number) : []

const isOfTheStore = (error: unknown) => error instanceof Error && 'code' in error && 'outcome' in error

const arePlain = (calls: readonly Call[]) => calls.every(({ plain }) => plain)

/** The first of them, as long as they are not too many. */
function nextCalls(waiting: Call[]): Call[] {
  let jobs = 0
  let bytes = 0
  const end = waiting.findIndex((call, index) => {
    jobs += call.jobs.length
    for (const job of call.jobs) bytes += job.input.length
    return index > 0 && (jobs > jobsPerTransaction || bytes > bytesPerTransaction)
  })
  return waiting.splice(0, end === -1 ? waiting.length : end)
}

/** What of all jobs is the same or absent costs nothing to leave out. */
function columns(jobs: readonly NewJob[], names: Names): unknown[] {
  const some = <T>(values: (T | null)[]) => (values.every((value) => value === null) ? null : values)
  return [
    jobs.map(({ id }) => id),
    jobs.map(({ task }) => names.taskNo(task)),
    jobs.map(({ queue }) => names.queueNo(queue)),
    jobs.map(({ rank }) => rank),
    jobs.map(flagsOf),
    jobs.map(({ keepSucceededMs }) => minutesOf(keepSucceededMs)),
    jobs.map(({ keepFailedMs }) => minutesOf(keepFailedMs)),
    jobs.map(({ input }) => input),
    some(jobs.map((job) => moreOf(job, names))),
    some(jobs.map(({ due }) => atOf(due))),
    some(jobs.map(({ due }) => inOf(due))),
    some(jobs.map(({ expires }) => atOf(expires))),
    some(jobs.map(({ expires }) => inOf(expires))),
  ]
}
