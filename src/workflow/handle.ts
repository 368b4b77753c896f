/** What whoever enqueued a workflow holds of it: the handle of its last step, and all of it where all is meant. */
import { cancelFound } from '../client/bulk.ts'
import type { JobHandle } from '../client/handle.ts'
import { encodeWithin } from '../client/new-job.ts'
import { StoredJob } from '../client/stored-job.ts'
import { JobCancelledError, JobNotFoundError, ResultGoneError, SignalNotFoundError } from '../errors.ts'
import { isFinal, type Progress } from '../job.ts'
import { nearest } from '../nearest.ts'
import type { Runtime } from '../runtime.ts'
import type { Kept } from '../task/stored.ts'
import type { CancelAnswer, JobRecord, RetryAnswer, Store } from '../store/store.ts'
import {
  idsBeforeOf,
  idsOf,
  jobsWithin,
  lastStep,
  partsWithin,
  portionsOf,
  recordsOf,
  startedByAll,
  startedWithin,
  waitingFor,
} from './flows.ts'
import { gateIdOf, idsBefore, openGate } from './gate.ts'
import { signalTag, workflowTag } from './note.ts'
import { overview, type Noted, type WorkflowInfo } from './overview.ts'
import { retriesOf } from './retry.ts'
import { parseSent, signalOf, type DefinedSignal } from './signal.ts'

/** All the jobs of a flow, and as a job its last step, which gives its result. */
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
   * @throws InvalidInputError, SignalNotFoundError, JobNotFoundError, ResultGoneError, NotStorableError, PayloadTooLargeError
   */
  signal<T = unknown>(name: string, value?: T, ...check: Kept<T>): Promise<SignalAnswer>
  signal<T>(signal: DefinedSignal<T, unknown>, ...value: SentArgs<NoInfer<T>>): Promise<SignalAnswer>
  /**
   * Runs the steps again that failed, expired, or were cancelled by hand; what was cancelled because of them then goes on, and
   * what has succeeded stays. `not failed`: there is none; `not final`: it may still end by itself, or has yet to end. Then
   * nothing was done.
   *
   * @throws JobNotFoundError, ResultGoneError
   */
  retry(): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'>
}

type SentArgs<T> = [void] extends [T] ? [value?: T] : [value: T]

/** What became of a signal: see `Workflow.signal`. */
export type SignalAnswer = 'released' | 'not held'

const unfinished = ['scheduled', 'blocked', 'ready', 'running'] as const

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
      throw error instanceof JobCancelledError && error.cause ? error.cause : error
    }
  }

  async graph(): Promise<WorkflowInfo> {
    const store = await this.#runtime.open()
    const info = overview(this.id, await jobsWithin(store, this.id))
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
    if (answer !== 'unknown') {
      await this.#cancelAll()
      return answer
    }
    // Its last step is not there yet, or no more.
    const store = await this.#runtime.open()
    const before = await store.cancel(idsBefore(this.id))
    const { matched } = await cancelFound(this.#runtime, { tag: workflowTag(this.id), state: unfinished })
    if (matched > 0 || before.includes('cancelled')) return 'cancelled'
    throw this.#missing((await store.get([this.id]))[0])
  }

  async signal(signal: DefinedSignal<never, unknown> | string, value?: unknown): Promise<SignalAnswer> {
    const { name, '~schema': schema } = signalOf(signal)
    const sent = schema ? await parseSent(name, schema, value) : value
    const result = encodeWithin(this.#runtime, sent, `the signal "${name}"`)
    const store = await this.#runtime.open()
    const last = await lastStep(store, this.id)
    const flows = last ? [last, ...(await startedWithin(store, last))] : []
    const waiting = last
      ? flows.flatMap((flow) => waitingFor(flow, name))
      : (await recordsOf(store, signalTag(this.id, name))).map(({ id }) => id)
    if (waiting.length === 0) throw await this.#noSignal(store, name, flows)
    let answer: SignalAnswer = 'not held'
    for (const portion of portionsOf(store, waiting)) {
      const answers = await store.release(portion.map((id) => ({ id, result })))
      if (answers.includes('released')) answer = 'released'
    }
    return answer
  }

  override async retry(): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'> {
    const store = await this.#runtime.open()
    const last = await lastStep(store, this.id)
    if (!last) throw this.#missing((await store.get([this.id]))[0])
    const retries = retriesOf(await partsWithin(store, last), gateIdOf)
    if (retries === 'not final') return 'not final'
    if (retries.ids.length + retries.gates.length === 0) return this.#retryNothing(store, last)
    for (const portion of portionsOf(store, retries.ids)) await store.retry(portion)
    for (const gate of retries.gates) await openGate(store, gate)
    return 'retried'
  }

  /**
   * Also what handlers have started, and theirs. Of each flow the last step first. Whoever was told to end starts nothing more, so
   * what a flow has started is all that it ever will.
   */
  async #cancelAll(): Promise<void> {
    const store = await this.#runtime.open()
    const last = await lastStep(store, this.id)
    for (let flows = last ? [last] : []; flows.length > 0; flows = await startedByAll(store, flows)) {
      const ids = flows.flatMap((flow) => [...idsOf(flow).toReversed(), ...idsBeforeOf(flow)])
      for (const portion of portionsOf(store, ids)) await store.cancel(portion)
    }
  }

  /** A single job, which has no steps, is retried as one. */
  async #retryNothing(store: Store, last: Noted): Promise<Exclude<RetryAnswer, 'unknown'> | 'not failed'> {
    const isAlone = last.note?.id !== this.id && (await startedWithin(store, last)).length === 0
    const answer = isAlone ? await super.retry() : undefined
    if (answer === 'unknown') throw this.#missing(undefined)

    return answer ?? (isFinal(last.record.state) ? 'not failed' : 'not final')
  }

  async #noSignal(store: Store, name: string, flows: readonly Noted[]): Promise<Error> {
    const [last] = flows.length > 0 ? [] : await store.get([this.id])
    if (flows.length === 0) return this.#missing(last)
    const known = [...new Set(flows.flatMap(({ note }) => Object.keys(note?.signals ?? {})))]

    return new SignalNotFoundError(name, this.id, nearest(name, known), known)
  }

  #missing(found: JobRecord | 'gone' | undefined): Error {
    return found === 'gone' ? new ResultGoneError(this.id) : new JobNotFoundError(this.id)
  }
}
