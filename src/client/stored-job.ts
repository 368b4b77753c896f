/** The handle of a job: every question goes to the store, nothing is remembered. */
import { durationMs, type Duration } from '../duration.ts'
import { keepAlive } from '../env.ts'
import {
  JobCancelledError,
  JobExpiredError,
  JobFailedError,
  JobNotFoundError,
  ResultGoneError,
  ResultTimeoutError,
  WouldDeadlockError,
} from '../errors.ts'
import { isFinal, priorities, rankOf, type JobState, type Priority, type Progress } from '../job.ts'
import { checkOneOf, checkOptions } from '../options.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type {
  CancelAnswer,
  ChangeAnswer,
  JobChange,
  JobHistory,
  JobRecord,
  RemoveAnswer,
  RetryAnswer,
  SettledJob,
  Store,
} from '../store/store.ts'
import { runningJob } from '../task/context.ts'
import { parseInput } from '../task/validate.ts'
import { rootError } from '../workflow/causes.ts'
import type { JobHandle, JobUpdate, ReadOptions } from './handle.ts'
import { attemptInfo, logLine, type AttemptInfo, type LogLine } from './history.ts'
import { jobInfo, type JobInfo } from './job-info.ts'
import { dueOf, encodeWithin } from './new-job.ts'
import { jobUpdates } from './updates.ts'

/** Whoever gives less time waits in a call of its own. */
const shortestSharedMs = 1000

const either = (one: AbortSignal, other: AbortSignal | undefined) => (other ? AbortSignal.any([one, other]) : one)

export class StoredJob implements JobHandle<any> {
  readonly id: string
  readonly deduplicated: boolean
  readonly #runtime: Runtime
  readonly #task: string | undefined

  constructor(runtime: Runtime, id: string, task: string | undefined, deduplicated: boolean) {
    this.#runtime = runtime
    this.id = id
    this.#task = task
    this.deduplicated = deduplicated
  }

  async state(): Promise<JobState> {
    return (await this.#record()).state
  }

  async info({ reveal = false }: ReadOptions = {}): Promise<JobInfo> {
    return jobInfo(await this.#record(), this.#runtime.codec, reveal)
  }

  async progress(): Promise<Progress | undefined> {
    const { progress, redact } = await this.#record()

    return redacted(progress, redact)
  }

  async log(): Promise<readonly LogLine[]> {
    return (await this.#history()).log.map(logLine)
  }

  async attempts(): Promise<readonly AttemptInfo[]> {
    return (await this.#history()).attempts.map(attemptInfo)
  }

  updates(options: { signal?: AbortSignal } & ReadOptions = {}): AsyncIterable<JobUpdate> {
    return jobUpdates(this.#runtime, this.id, options)
  }

  async result(options: { timeout?: Duration; signal?: AbortSignal } = {}): Promise<any> {
    checkOptions(options, ['timeout', 'signal'], 'the options of `result`')
    const store = await this.#store()
    await this.#refuseDeadlock(store)
    const alive = keepAlive(this.#runtime.env)
    try {
      return await this.#resultOf(await this.#settled(store, options))
    } finally {
      alive.cancel()
    }
  }

  async cancel(): Promise<CancelAnswer> {
    return this.#runtime.cancelling.about(await this.#store(), this.id)
  }

  async retry(): Promise<RetryAnswer | 'not failed'> {
    return (await (await this.#store()).retry([this.id]))[0]!
  }

  async remove(): Promise<RemoveAnswer> {
    return (await (await this.#store()).remove([this.id]))[0]!
  }

  async promote(): Promise<ChangeAnswer> {
    return this.#change({ due: { inMs: 0 } })
  }

  async change(change: {
    priority?: Priority
    delay?: Duration
    at?: Date | number
    input?: unknown
  }): Promise<ChangeAnswer> {
    checkOptions(change, ['priority', 'delay', 'at', 'input'], 'the change')
    const due = dueOf(change, 'the change')
    if (change.priority !== undefined) checkOneOf(change.priority, priorities, '`priority` of the change')
    const version = change.input === undefined ? undefined : await this.#versionFor(change.input)

    return this.#change({
      ...(change.priority !== undefined && { rank: rankOf(change.priority) }),
      ...(due && { due }),
      ...(change.input !== undefined && { input: encodeWithin(this.#runtime, change.input, 'the new input') }),
      ...(version !== undefined && version !== 1 && { version }),
    })
  }

  /** Checks a new input against its task's schema, where this process knows the task; elsewhere the job keeps its version. */
  async #versionFor(input: unknown): Promise<number | undefined> {
    const known = this.#task === undefined ? undefined : this.#runtime.registry.find(this.#task)
    const record = known ? undefined : await this.#record()
    const task = known ?? this.#runtime.registry.find(record!.task)
    if (!task) return record!.version

    await parseInput(task, input)
    return task.version
  }

  async #change(change: JobChange): Promise<ChangeAnswer> {
    return (await (await this.#store()).change([this.id], change))[0]!
  }

  async #store(): Promise<Store> {
    return this.#runtime.store ?? (await this.#runtime.open())
  }

  async #record(): Promise<JobRecord> {
    const record = await this.#runtime.looking.about(await this.#store(), this.id)
    if (record === undefined) throw new JobNotFoundError(this.id)
    if (record === 'gone') throw new ResultGoneError(this.id)

    return record
  }

  async #history(): Promise<JobHistory> {
    const { redact } = await this.#record()
    const history = (await (await this.#store()).history(this.id)) ?? { attempts: [], log: [] }

    return { attempts: history.attempts, log: history.log.map((line) => redacted(line, redact)) }
  }

  /** A handler that waits for a job of the queues it shares its slots with may wait for itself. */
  async #refuseDeadlock(store: Store): Promise<void> {
    const here = runningJob.getStore() as { sharesSlotsWith?(queue: string): boolean } | undefined
    if (!here?.sharesSlotsWith) return
    const [record] = await store.get([this.id])

    if (record && record !== 'gone' && !isFinal(record.state) && here.sharesSlotsWith(record.queue)) {
      throw new WouldDeadlockError(this.id, record)
    }
  }

  async #cancelled(): Promise<JobCancelledError> {
    const cause = await rootError(await this.#store(), this.id)

    return new JobCancelledError(this.id, cause && new JobFailedError(cause.id, cause.error))
  }

  async #settled(store: Store, { timeout, signal }: { timeout?: Duration; signal?: AbortSignal }): Promise<SettledJob> {
    const { env, closing, awaiting } = this.#runtime
    const timeoutMs = timeout === undefined ? Infinity : durationMs(timeout, '`timeout` of `result`')
    if (timeoutMs < shortestSharedMs) return this.#settledSoon(store, timeoutMs, signal)

    if (timeoutMs === Infinity) return awaiting.settled(store, this.id, either(closing.signal, signal))

    const late = new AbortController()
    const timer = env.after(timeoutMs, () => late.abort(new ResultTimeoutError(this.id, timeoutMs)))
    try {
      return await awaiting.settled(store, this.id, AbortSignal.any([late.signal, either(closing.signal, signal)]))
    } finally {
      timer.cancel()
    }
  }

  /** Who waits for so short a time wants to know how it stands now. */
  async #settledSoon(store: Store, timeoutMs: number, signal: AbortSignal | undefined): Promise<SettledJob> {
    const ending = either(this.#runtime.closing.signal, signal)
    const [settled] = await store.settled([this.id], timeoutMs, ending)
    if (settled) return settled
    if (ending.aborted) throw ending.reason
    throw new ResultTimeoutError(this.id, timeoutMs)
  }

  async #resultOf({ state, result, error }: SettledJob): Promise<unknown> {
    switch (state) {
      case 'succeeded':
        return typeof result === 'string' ? this.#runtime.codec.decode(result) : null
      case 'failed':
        throw new JobFailedError(this.id, error ?? { name: 'Error', message: `The job of "${this.#task}" failed.` })
      case 'cancelled':
        throw await this.#cancelled()
      case 'expired':
        throw new JobExpiredError(this.id)
      case 'gone':
        throw new ResultGoneError(this.id)
      case 'unknown':
        throw new JobNotFoundError(this.id)
    }
  }
}
