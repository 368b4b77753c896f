/** What whoever enqueued a workflow holds of it: the handle of its last step, and all of it where all is meant. */
import { cancelFound } from '../client/bulk.ts'
import type { JobHandle } from '../client/handle.ts'
import { encodeWithin } from '../client/new-job.ts'
import { StoredJob } from '../client/stored-job.ts'
import { JobCancelledError, JobFailedError, JobNotFoundError, ResultGoneError, SignalNotFoundError } from '../errors.ts'
import { isFinal, type JobState, type Progress } from '../job.ts'
import { nearest } from '../nearest.ts'
import type { Runtime } from '../runtime.ts'
import type { Kept } from '../task/stored.ts'
import type { CancelAnswer, JobRecord, RetryAnswer, Store } from '../store/store.ts'
import { numbersOf, signalTag, signalsOf, stepId, workflowTag } from './note.ts'
import { notedRecord, overview, type Noted, type WorkflowInfo } from './overview.ts'
import { rootError } from './resolve.ts'

export interface Workflow<Result = unknown> extends JobHandle<Result> {
  /** Its steps, what each waits for, and how all stand. @throws JobNotFoundError, ResultGoneError */
  graph(): Promise<WorkflowInfo>
  /** How many of its steps have ended. */
  progress(): Promise<Progress>
  /** Cancels every step that has not ended. @throws JobNotFoundError, ResultGoneError */
  cancel(): Promise<Exclude<CancelAnswer, 'unknown'>>
  /**
   * Ends the step that waits for this signal, with the value as its result. `not held`: the signal was given before, or the
   * step has ended otherwise; nothing was done.
   *
   * @throws SignalNotFoundError, JobNotFoundError, ResultGoneError, NotStorableError, PayloadTooLargeError
   */
  signal<T = unknown>(name: string, value?: T, ...check: Kept<T>): Promise<SignalAnswer>
  /**
   * Runs the steps again that failed or expired; what was cancelled because of them then goes on. `not failed`: there is
   * none, and nothing was done. What was cancelled by hand stays so: enqueue it anew.
   *
   * @throws JobNotFoundError, ResultGoneError
   */
  retry(): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'>
}

export type SignalAnswer = 'released' | 'not held'

const unfinished = ['scheduled', 'blocked', 'ready', 'running'] as const
const stepsPerPage = 500

export class WorkflowHandle extends StoredJob implements Workflow<any> {
  readonly #runtime: Runtime

  constructor(runtime: Runtime, id: string, deduplicated = false) {
    super(runtime, id, undefined, deduplicated)
    this.#runtime = runtime
  }

  /** Where a step failed, and the last was cancelled because of it, that failure is thrown. */
  override async result(options?: Parameters<StoredJob['result']>[0]): Promise<any> {
    try {
      return await super.result(options)
    } catch (error) {
      const cause = error instanceof JobCancelledError && (await rootError(await this.#runtime.open(), this.id))
      throw cause ? new JobFailedError(cause.id, cause.error) : error
    }
  }

  async graph(): Promise<WorkflowInfo> {
    const store = await this.#runtime.open()
    const found = await this.#records(store)
    const info = overview(this.id, found)
    if (!info) throw this.#missing((await store.get([this.id]))[0])

    return info
  }

  override async progress(): Promise<Progress> {
    const { done, total } = await this.graph()

    return { done, of: total }
  }

  override async cancel(): Promise<Exclude<CancelAnswer, 'unknown'>> {
    // The last one first: what waits is then cancelled by this, and not because of another.
    const answer = await super.cancel()
    const matched = await this.#cancelAll()
    if (answer !== 'unknown') return answer
    if (matched === 0) throw this.#missing((await (await this.#runtime.open()).get([this.id]))[0])

    return 'cancelled'
  }

  async signal(name: string, value?: unknown, ..._: readonly unknown[]): Promise<SignalAnswer> {
    const result = encodeWithin(this.#runtime, value, `the signal "${name}"`)
    const store = await this.#runtime.open()
    const waiting = await recordsOf(store, signalTag(this.id, name))
    if (waiting.length === 0) throw await this.#noSignal(store, name)
    const answers = await store.release(waiting.map(({ id }) => ({ id, result })))

    return answers.includes('released') ? 'released' : 'not held'
  }

  override async retry(): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'> {
    const store = await this.#runtime.open()
    const ids = await this.#causes(store)
    if (ids.length === 0) return this.#retryNothing(store)
    for (let from = 0; from < ids.length; from += store.limits.idsPerCall) {
      await store.retry(ids.slice(from, from + store.limits.idsPerCall))
    }
    return 'retried'
  }

  /** Also what handlers have started, and theirs. Gives how many it found. */
  async #cancelAll(): Promise<number> {
    const store = await this.#runtime.open()
    const [last] = await store.get([this.id])
    // All that is below one that is nobody's carries its tag.
    const inner = last && last !== 'gone' && notedRecord(last).note?.of !== undefined
    const flows = new Set([this.id])
    let all = 0
    for (const flow of flows) {
      if (inner) for (const child of await childrenOf(store, flow)) flows.add(child)
      all += (await cancelFound(this.#runtime, { tag: workflowTag(flow), state: unfinished })).matched
    }
    return all
  }

  /**
   * The steps that made it fail, those first that were started last: what a handler has started goes before the handler's
   * own job. A failure that somebody could do with, a settled step's or one that a handler caught, is none.
   */
  async #causes(store: Store): Promise<string[]> {
    const ended = (await this.#records(store, ['failed', 'expired', 'cancelled'])).map(notedRecord)
    const blamed = new Set(ended.flatMap(neededBy))
    const bad = ended.filter(
      ({ record: { id, state }, note }) => state !== 'cancelled' && (blamed.has(id) || (note?.id ?? id) === id),
    )
    if (bad.length === 0) return []
    const starters = [...new Set([this.id, ...bad.flatMap(({ note }) => note?.by ?? [])])]
    const well = new Set<string>()
    for (let from = 0; from < starters.length; from += store.limits.idsPerCall) {
      for (const job of await store.get(starters.slice(from, from + store.limits.idsPerCall)))
        if (job && job !== 'gone' && job.state === 'succeeded') well.add(job.id)
    }
    if (well.has(this.id)) return []
    const causes = bad.filter(({ note }) => !note?.by || !well.has(note.by))

    return causes.map(({ record }) => record.id).toReversed()
  }

  /** Also a single job, which carries no tag: it comes before all that its handler has started. */
  async #records(store: Store, states?: readonly JobState[]): Promise<JobRecord[]> {
    const tagged = await recordsOf(store, workflowTag(this.id), states)
    if (tagged.some(({ id }) => id === this.id)) return tagged
    const [own] = await store.get([this.id])

    return own && own !== 'gone' && (states?.includes(own.state) ?? true) ? [own, ...tagged] : tagged
  }

  /** A single job, which has no steps, is retried as one. */
  async #retryNothing(store: Store): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'> {
    const [last] = await store.get([this.id])
    if (!last || last === 'gone') throw this.#missing(last)
    const { jobs, cursor } = await store.find({ tag: workflowTag(this.id), limit: 1 })
    const answer = jobs.length === 0 && cursor === undefined ? await super.retry() : undefined
    if (answer === 'unknown') throw this.#missing(undefined)

    return answer ?? (isFinal(last.state) ? 'not failed' : 'not final')
  }

  async #noSignal(store: Store, name: string): Promise<Error> {
    const steps = await recordsOf(store, workflowTag(this.id))
    const [last] = steps.length > 0 ? [] : await store.get([this.id])
    if (steps.length === 0 && (!last || last === 'gone')) return this.#missing(last)
    const known = [...new Set(steps.flatMap(({ tags }) => signalsOf(this.id, tags)))]

    return new SignalNotFoundError(name, this.id, nearest(name, known), known)
  }

  #missing(found: JobRecord | 'gone' | undefined): Error {
    return found === 'gone' ? new ResultGoneError(this.id) : new JobNotFoundError(this.id)
  }
}

/** What a step that was cancelled had to wait for: one of these is why, and others may be as well. */
function neededBy({ record: { state, because }, note }: Noted): string[] {
  if (state !== 'cancelled' || because === undefined) return []

  return [because, ...(note ? numbersOf(note.after).map((step) => stepId(note.id, step, note.last)) : [])]
}

/** The flows that handlers of this one have started. */
async function childrenOf(store: Store, flow: string): Promise<string[]> {
  const records = (await recordsOf(store, workflowTag(flow))).map(notedRecord)

  return records.flatMap(({ note }) => (note && note.id !== flow ? note.id : []))
}

/** Oldest first. */
async function recordsOf(store: Store, tag: string, states?: readonly JobState[]): Promise<JobRecord[]> {
  const all: JobRecord[] = []
  let cursor: string | undefined
  do {
    const page = await store.find({ tag, limit: stepsPerPage, ...(states && { states }) }, cursor)
    all.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined)

  return all.toReversed()
}
