/** One run of one job: what its handler is handed, and how the worker reaches it. Nothing is made before it is asked for. */
import { encodeWithin } from '../client/new-job.ts'
import {
  AlreadySucceededError,
  Cancelled,
  ClaimLostError,
  HandlerError,
  InvalidOptionError,
  JobTimeoutError,
  LeaseLostError,
  WorkerStoppingError,
} from '../errors.ts'
import type { LogLevel, StoredLine, Progress } from '../job.ts'
import type { Duration } from '../duration.ts'
import { checkOptions } from '../options.ts'
import { mask as hidden, maskTexts, redacted, textRedactor } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { ClaimedJob, NewJob } from '../store/store.ts'
import type { JobContext, JobLog, ProgressOptions, RunOptions, SucceedOptions } from '../task/context.ts'
import type { TaskDefinition } from '../task/definition.ts'
import type { Step } from '../task/step.ts'
import type { Awaitable, StepResult } from '../task/stored.ts'
import type { Task } from '../task/task.ts'
import { parted, type StepNote } from '../workflow/note.ts'
import type { Batch } from './batch.ts'
import { describe } from './describe.ts'
import type { OutcomeEnd } from './execute.ts'
import { FollowUps } from './follow-ups.ts'
import type { Reports } from './reports.ts'
import type { Slots } from './slots.ts'
import { succeedWith } from './succeed.ts'
import { Suspensions } from './suspensions.ts'

/** Why a run was told to end. `failed`: its handler has thrown, and what that has begun takes too long to end. */
export type Ending = 'cancelled' | 'timeout' | 'lost' | 'stopping' | 'failed'

/** Log lines one run may write. */
const logLinesPerRun = 1000

export class Run implements JobContext {
  readonly claimed: ClaimedJob
  readonly definition: TaskDefinition
  readonly slots: Slots
  startedAt = 0
  /** The input as the handler got it. */
  input: unknown
  /** Its handler has been called and has not ended. */
  handling = false
  /** Its handler has been called. */
  called = false
  ending: Ending | undefined
  /** The worker has recorded an outcome, or may record none: whatever the handler still does is ignored. */
  closed = false
  /** Its handler has ended. */
  over = false
  /** Its handler has returned before it ended. */
  goesOn = false
  deadline = 0
  /** With which others its handler is called. */
  batch: Batch | undefined
  /** How it has ended if the transaction that `succeed` was called in is committed. Only the store knows. */
  completed: OutcomeEnd | undefined
  /** What was wrong with the result given to `succeed`: running again would meet it again. */
  unfit: unknown
  /** Set by a handler that has used `step`, `run` or `sleep`. */
  suspending: Suspensions | undefined
  readonly #runtime: Runtime
  readonly #reports: Reports
  #controller: AbortController | undefined
  #metadata: Readonly<Record<string, unknown>> | undefined
  #note: StepNote | undefined
  #log: JobLog | undefined
  #logLines = 0
  #added: Set<string> | undefined
  #mask: ((text: string) => string) | undefined
  #followUps: FollowUps | undefined

  constructor(claimed: ClaimedJob, definition: TaskDefinition, slots: Slots, runtime: Runtime, reports: Reports) {
    this.claimed = claimed
    this.definition = definition
    this.slots = slots
    this.#runtime = runtime
    this.#reports = reports
  }

  /** Fields that middleware has added. */
  get added(): Set<string> {
    return (this.#added ??= new Set())
  }

  get id(): string {
    return this.claimed.id
  }

  get task(): string {
    return this.claimed.task
  }

  get queue(): string {
    return this.claimed.queue
  }

  get attempt(): number {
    return this.claimed.attempt
  }

  /** Paths of what must not be shown: as the job was enqueued, else as its task says now. */
  get redact(): readonly string[] | undefined {
    return this.claimed.redact ?? this.definition.redact
  }

  get createdAt(): Date {
    return new Date(this.claimed.createdAt)
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.ending && !this.#controller.signal.aborted) this.#controller.abort(this.#reason(this.ending))

    return this.#controller.signal
  }

  get metadata(): Readonly<Record<string, unknown>> {
    const { metadata } = this.claimed

    if (!this.#metadata) {
      const decoded = metadata ? (this.#runtime.codec.decode(metadata) as Record<string, unknown>) : {}
      ;({ metadata: this.#metadata, note: this.#note } = parted(decoded))
    }
    return this.#metadata
  }

  /** What it knows of the workflow it is a step of. */
  get note(): StepNote | undefined {
    void this.metadata

    return this.#note
  }

  step<T>(name: string, work: () => Awaitable<T>): Promise<StepResult<T>> {
    return this.#suspensions.step(name, work)
  }

  run<R>(name: string, step: Step<void, R>, options: RunOptions = {}): Promise<R> {
    this.#refuseInBatch('run')
    checkOptions(options, ['timeout'], 'the options of `run`')
    return this.#suspensions.run(name, step, options)
  }

  sleep(name: string, duration: Duration): Promise<void> {
    this.#refuseInBatch('sleep')
    return this.#suspensions.sleep(name, duration)
  }

  #refuseInBatch(method: string): void {
    if (!this.batch) return
    throw new HandlerError(
      `\`job.${method}\` cannot be used in the handler of the batch task "${this.task}": the others would run again with this ` +
        `job. Ask for what is to come with \`job.followUp\`.`,
    )
  }

  get #suspensions(): Suspensions {
    return (this.suspending ??= new Suspensions(this, this.#runtime, this.#reports))
  }

  get log(): JobLog {
    return (this.#log ??= this.#makeLog())
  }

  progress(done: number, options: ProgressOptions = {}): Promise<void> {
    const said = this.#say(done, options)

    // Whoever does not wait for it, as in a callback, must not end the process by a value that does not fit.
    said.catch(() => {})
    return said
  }

  followUp(task: Task<any, unknown>, input?: unknown, options?: object): void {
    if (this.completed) throw new AlreadySucceededError('A follow-up')
    ;(this.#followUps ??= new FollowUps(this.#runtime)).add(task.name, input, options)
  }

  /** The follow-ups asked for, once their inputs are checked. */
  async followUps(): Promise<NewJob[] | undefined> {
    return this.#followUps?.all()
  }

  /** The same for a transaction that cannot wait. */
  followUpsAtOnce(): NewJob[] | undefined {
    return this.#followUps?.atOnce()
  }

  /** Keeps something for the job's later runs, with the outcome of this one. */
  remember(name: string, value: string): void {
    this.#reports.remember(this, name, value)
  }

  /** Whether the job has ended for good, as far as the store can tell now. Never rejects. */
  isFinal(): Promise<boolean> {
    return this.#reports.isFinal(this)
  }

  succeed<R>(result: R, options: SucceedOptions): Promise<R> {
    checkOptions(options, ['tx'], 'the options of `succeed`')

    return succeedWith(this, this.#runtime, this.#reports, result, options.tx)
  }

  get hasFollowUps(): boolean {
    return this.#followUps !== undefined
  }

  /** Tells the handler to end, if it listens. The first reason stays. */
  end(ending: Ending): void {
    if (this.ending) return
    this.ending = ending
    this.#controller?.abort(this.#reason(ending))
    this.batch?.told()
  }

  /** Whether a job of this queue would need one of the slots that this run shares. */
  sharesSlotsWith(queue: string): boolean {
    return !this.closed && this.slots.has(queue)
  }

  /** Masks what the task redacts wherever it stands in a text. */
  mask(text: string): string {
    const { redact } = this
    if (!redact) return text

    return (this.#mask ??= this.#makeMask(redact))(text)
  }

  #makeMask(redact: readonly string[]): (text: string) => string {
    try {
      const shown = [this.#runtime.codec.decode(this.claimed.input), this.input, this.metadata]

      return textRedactor(
        shown,
        redact.map((path) => `*.${path}`),
      )
    } catch {
      // Unreadable, so there is no telling what must not be shown.
      return () => hidden
    }
  }

  #reason(ending: Ending): Error {
    if (ending === 'cancelled') return new Cancelled()
    if (ending === 'timeout') return new JobTimeoutError(this.task, this.definition.timeoutMs ?? 0)
    if (ending === 'failed') return new ClaimLostError(this.id)

    return ending === 'lost' ? new LeaseLostError() : new WorkerStoppingError(this.definition.once)
  }

  #makeLog(): JobLog {
    const write = (level: LogLevel) => (message: string, data?: unknown) => this.#write(level, message, data)

    return Object.assign(write('info'), {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    })
  }

  #write(level: LogLevel, message: string, data: unknown): void {
    if (this.closed || this.#logLines > logLinesPerRun) return
    const at = this.#runtime.env.now()
    const over = this.#logLines++ === logLinesPerRun
    const line: StoredLine = over
      ? { at, level: 'warn', message: `More than ${logLinesPerRun} lines in one run; the rest is dropped.` }
      : {
          at,
          level,
          message: this.mask(String(message)),
          ...(data !== undefined && { data: this.#logged(data) }),
        }

    this.#reports.line(this, line)
  }

  async #say(done: number, options: ProgressOptions): Promise<void> {
    if (this.closed) return
    if (this.completed) throw new AlreadySucceededError('Progress')
    checkOptions(options, ['of', 'note', 'data'], 'the options of `progress`')
    const { of, note, data } = options
    const progress: Progress = {
      done: checkCount(done, '`done` of `progress`'),
      ...(of !== undefined && { of: checkCount(of, '`of` of `progress`') }),
      ...(note !== undefined && { note: this.mask(String(note)) }),
      ...(data !== undefined && { data: this.#plain(data, 'the progress data') }),
    }
    this.#reports.progress(this, progress)
  }

  /** A line of log never fails a job: errors are kept as errors are, and what cannot be kept says why. */
  #logged(data: unknown): unknown {
    if (data instanceof Error) return describe(data, (text) => this.mask(text))
    try {
      return this.#plain(data, 'the log data')
    } catch (error) {
      return { dropped: describe(error, (text) => this.mask(text)).message }
    }
  }

  /** Checked like any stored value, and masked at once. */
  #plain(data: unknown, what: string): unknown {
    const plain = this.#runtime.codec.decode(encodeWithin(this.#runtime, data, what))
    const { redact } = this

    return redact ? maskTexts(redacted(plain, redact), (text) => this.mask(text)) : plain
  }
}

function checkCount(count: unknown, where: string): number {
  if (typeof count === 'number' && Number.isFinite(count)) return count

  throw new InvalidOptionError(where, count, 'a number')
}
