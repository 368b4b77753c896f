/**
 * Gathers what is inserted at the same time into few calls of a script.
 *
 * A call that finds none under way leaves at once, with all that is asked for in the same turn of the event loop;
 * what comes meanwhile leaves together when there is room again. What fills a call by itself leaves before its caller goes
 * on. Nobody waits for a timer.
 */
import { UnknownOutcomeError } from '../../errors.ts'
import { checkCalls } from '../checked-times.ts'
import type { InsertOutcome, NewJob, StoreLimits } from '../store.ts'
import type { Caller } from './caller.ts'
import type { Argument, CallOptions } from './connection/connection.ts'
import type { Kinds } from './kinds.ts'
import { fullArguments, outcomesFrom, plainArguments } from './insert.ts'
import type { Post } from './post.ts'

type Call = readonly NewJob[]

interface Asked {
  readonly calls: readonly Call[]
  readonly jobs: number
  readonly bytes: number
  readonly resolve: (outcomes: InsertOutcome[][]) => void
  readonly reject: (error: unknown) => void
}

const underWayAtMost = 2
const fullUnderWayAtMost = 4
const fullAtOnce = 60

export class Inserter {
  readonly #caller: Caller
  readonly #kinds: Kinds
  readonly #limits: StoreLimits
  readonly #post: Post
  #asked: Asked[] = []
  #underWay = 0
  #planned = false

  constructor(caller: Caller, kinds: Kinds, { limits, post }: { limits: StoreLimits; post: Post }) {
    this.#caller = caller
    this.#kinds = kinds
    this.#limits = limits
    this.#post = post
  }

  insert(calls: readonly Call[]): Promise<InsertOutcome[][]> {
    checkCalls(calls)
    return new Promise((resolve, reject) => {
      const jobs = calls.reduce((sum, call) => sum + call.length, 0)
      const bytes = calls.reduce((sum, call) => sum + sizeOf(call), 0)
      this.#asked.push({ calls, jobs, bytes, resolve, reject })
      if (jobs >= this.#limits.jobsPerCall) return this.#sendAll()
      if (this.#planned || this.#underWay >= underWayAtMost) return
      this.#planned = true
      queueMicrotask(() => {
        this.#planned = false
        this.#sendAll()
      })
    })
  }

  #sendAll() {
    while (this.#asked.length > 0 && this.#underWay < this.#mostUnderWay) void this.#send(this.#nextBatch())
  }

  /** What fills a call gains nothing by waiting, and the server should not wait for it. */
  get #mostUnderWay(): number {
    return this.#asked[0]!.jobs >= this.#limits.jobsPerCall ? fullUnderWayAtMost : underWayAtMost
  }

  /** The oldest, as many as one call may carry; one at least. */
  #nextBatch(): Asked[] {
    let [jobs, bytes, count] = [0, 0, 0]
    for (const asked of this.#asked) {
      jobs += asked.jobs
      bytes += asked.bytes
      if (count > 0 && (jobs > this.#limits.jobsPerCall || bytes > this.#limits.bytesPerCall)) break
      count++
    }
    return this.#asked.splice(0, count)
  }

  async #send(batch: readonly Asked[]) {
    this.#underWay++
    try {
      const outcomes = await this.#insert(batch.flatMap(({ calls }) => calls))
      let at = 0
      for (const { calls, resolve } of batch) resolve(outcomes.slice(at, (at += calls.length)))
    } catch (error) {
      for (const asked of batch) asked.reject(errorFor(asked, error))
    } finally {
      this.#underWay--
      this.#sendAll()
    }
  }

  async #insert(calls: readonly Call[]): Promise<InsertOutcome[][]> {
    const jobs = calls.length === 1 ? calls[0]! : calls.flat()
    const options = { ids: jobs.map(({ id }) => id), line: 'insert', acknowledge: true } as const
    const known = this.#kinds.withDigests(() => plainArguments(jobs, this.#kinds))
    const plain = known instanceof Promise ? await known : known
    const answer = plain && (await this.#insertPlainly(plain, options, jobs[0]?.queue))
    if (answer === 'inserted') return calls.map((call) => call.map(() => inserted))
    if (answer === 'kinds') return this.#insertAnew(calls)

    const answers: InsertOutcome[][] = []
    for (const part of partsOf(calls)) {
      try {
        answers.push(...(await this.#insertFully(part, options)))
      } catch (error) {
        throw answers.length > 0 ? unknown(options.ids, error) : error
      }
    }
    return answers
  }

  /**
   * Where a worker of this process sleeps on the queue, the call goes the way of its turns, and the worker need not wait
   * to be told: its turn follows on the heels of the call. Should it come first all the same, the answer wakes it.
   */
  async #insertPlainly(args: readonly Argument[], options: CallOptions, queue = ''): Promise<string> {
    const { durability } = this.#caller.connection
    // What waits for replicas keeps what follows on its connection waiting too.
    const near = durability === 'replicated' ? undefined : this.#post.sleeperOn(queue)
    if (near === undefined) return this.#caller.call('insert-plain', args, options)

    const answer = this.#caller.call<string>('insert-plain', [...args, near], { ...options, line: 'turn' })
    this.#post.wake(near)
    return answer.finally(() => this.#post.wake(near))
  }

  async #insertFully(calls: readonly Call[], options: CallOptions): Promise<InsertOutcome[][]> {
    const args = await this.#kinds.withDigests(() => fullArguments(calls, this.#kinds))
    const answer = await this.#caller.call<string[][] | 'kinds'>('insert', args, options)
    return answer === 'kinds' ? this.#insertAnew(calls) : answer.map(outcomesFrom)
  }

  /** The server has been emptied since. */
  #insertAnew(calls: readonly Call[]): Promise<InsertOutcome[][]> {
    this.#kinds.forget()
    return this.#insert(calls)
  }
}

/** What is not plain costs more: such calls are carried out a few at a time. */
function partsOf(calls: readonly Call[]): Call[][] {
  const parts: Call[][] = []
  let jobs = Infinity
  for (const call of calls) {
    if (jobs + call.length > fullAtOnce) {
      parts.push([])
      jobs = 0
    }
    parts.at(-1)!.push(call)
    jobs += call.length
  }
  return parts
}

const inserted: InsertOutcome = { kind: 'inserted' }

/** In characters: the server's limit is its own time, for which that is near enough. */
function sizeOf(call: Call): number {
  return call.reduce((sum, { input, metadata }) => sum + input.length + (metadata?.length ?? 0), 0)
}

/** Each caller is told of its own jobs alone. */
function errorFor({ calls }: Asked, error: unknown): unknown {
  if (!(error instanceof UnknownOutcomeError)) return error
  const ids = calls.flat().map(({ id }) => id)
  return unknown(ids, error)
}

const unknown = (ids: readonly string[], error: unknown) =>
  new UnknownOutcomeError('inserting', ids, error, error instanceof UnknownOutcomeError ? error.known : undefined)
