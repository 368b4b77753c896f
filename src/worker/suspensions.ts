/**
 * What a handler has done once and for all: its steps, the flows it waits for, and its sleeps, each found by its name when
 * the handler runs again from its beginning.
 *
 * Who waits gives up its slot: the run ends by an error that means no failure, and whatever the handler makes of it,
 * the job waits.
 */
import { encodeWithin } from '../client/new-job.ts'
import { durationMs, type Duration } from '../duration.ts'
import {
  ClaimLostError,
  DuplicateStepError,
  FlowChangedError,
  FlowTimeoutError,
  IdConflictError,
  InvalidOptionError,
  JobCancelledError,
  JobExpiredError,
  JobFailedError,
  WouldDeadlockError,
} from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { Member } from '../store/store.ts'
import type { RunOptions } from '../task/context.ts'
import type { FlowNode, Step } from '../task/step.ts'
import type { Awaitable, StepResult } from '../task/stored.ts'
import { wholeFlowOf } from '../workflow/compose.ts'
import { insertFlow } from '../workflow/enqueue.ts'
import { gateIdOf } from '../workflow/gate.ts'
import { childId } from '../workflow/note.ts'
import { rootError } from '../workflow/causes.ts'
import { allMembers } from '../workflow/resolve.ts'
import type { RunEnd } from './execute.ts'
import { cancelIfThere, endedOrCancelled, isCancelledSince, isRetried, type FlowEnd } from './flow-end.ts'
import { lineHeld } from './holding.ts'
import { failedName, limitName, overName, ownMark, sleepName } from './own-names.ts'
import type { Reports } from './reports.ts'
import type { Run } from './run.ts'

/** Ends a run that waits. Handlers let it pass. */
class Suspended extends Error {
  override name = 'Suspended'
  constructor() {
    super('The job waits and will run again from its beginning. Let this error pass.')
  }
}

const longestName = 100
/** For so long a failed attempt waits for the steps under way: one that hangs must not hold it for ever. */
const longestLastingMs = 10_000

export class Suspensions {
  readonly #run: Run
  readonly #runtime: Runtime
  readonly #reports: Reports
  readonly #names = new Set<string>()
  readonly #waitsFor: string[] = []
  /** What the handler has begun: whether it is done again hangs on what of it is in the store. */
  readonly #begun: Promise<unknown>[] = []
  readonly #failures = new Set<unknown>()
  /** Of those, under which name it is written that the job has failed by one. */
  readonly #failedNames = new Map<unknown, string>()
  #members: Promise<readonly Member[]> | undefined
  /** After how long it goes on, whatever else it waits for. */
  #delayMs: number | undefined
  #failure: { readonly thrown: unknown } | undefined
  #over = false
  /** The time of a flow has been over in this run. */
  #late = false

  constructor(run: Run, runtime: Runtime, reports: Reports) {
    this.#run = run
    this.#runtime = runtime
    this.#reports = reports
  }

  get suspended(): boolean {
    return this.#waitsFor.length > 0 || this.#delayMs !== undefined
  }

  /** What the handler has thrown, once it has: nothing that comes later takes its place. */
  get failure(): { readonly thrown: unknown } | undefined {
    return this.#failure
  }

  /** How the run ends that has been suspended, once all that it began is in the store: flows, sleeps, and steps under way. */
  async end(): Promise<RunEnd> {
    await this.#settle()
    // Behind all that is there by now, and waiting from there: handlers that ask again and again let the others run.
    const [on, delayMs] = this.#late ? [[]] : [this.#waitsFor, this.#delayMs]

    return { kind: 'outcome', outcome: { kind: 'wait', on, ...(delayMs !== undefined && { delayMs }) } }
  }

  /**
   * The handler has thrown, and begins nothing more. Until what is under way is done, so that the next attempt does not do it
   * again; but no longer than until the run is told to end, as it is when that takes too long.
   */
  async fail(thrown: unknown): Promise<void> {
    this.#failure = { thrown }
    const { signal } = this.#run
    const told = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => told.resolve(), { once: true })
    if (signal.aborted) return
    this.#noteFailure(thrown)
    const timer = this.#runtime.env.after(longestLastingMs, () => this.#run.end('failed'))
    await Promise.race([this.#settle(), told.promise])
    timer.cancel()
  }

  /** A flow that took too long has its time anew only where its job has failed by that: whoever has done without it does so each time. */
  #noteFailure(thrown: unknown): void {
    const name = this.#failedNames.get(thrown)
    if (name !== undefined && this.#known(name) === undefined) void this.#begin(this.#write(name, 'true'))
  }

  /** Until nothing that the handler has begun goes on: it begins nothing more. */
  async #settle(): Promise<void> {
    for (let settled = 0; settled < this.#begun.length;) {
      settled = this.#begun.length
      await Promise.allSettled(this.#begun)
    }
    this.#over = true
  }

  /** Whether it is the failure of a flow, which would be met again. */
  isFailure(thrown: unknown): boolean {
    return this.#failures.has(thrown)
  }

  step<T>(name: string, work: () => Awaitable<T>): Promise<StepResult<T>> {
    return this.#begin(this.#workOnce(name, work))
  }

  run<R>(name: string, step: Step<void, R>, options: RunOptions): Promise<R> {
    return this.#begin(this.#runFlow(name, step, options) as Promise<R>)
  }

  sleep(name: string, duration: Duration): Promise<void> {
    return this.#begin(this.#sleepFor(name, duration))
  }

  /** Whoever awaits it only later, or never, must not end the process by its error. */
  #begin<T>(promise: Promise<T>): Promise<T> {
    this.#begun.push(promise)
    promise.catch(() => {})

    return promise
  }

  async #workOnce<T>(name: string, work: () => Awaitable<T>): Promise<StepResult<T>> {
    this.#take(name)
    const { codec } = this.#runtime
    const known = this.#known(name)
    if (known !== undefined) return codec.decode(known) as StepResult<T>

    const encoded = encodeWithin(this.#runtime, await work(), `the result of step "${name}"`)
    await this.#write(name, encoded)

    return codec.decode(encoded) as StepResult<T>
  }

  async #sleepFor(name: string, duration: Duration): Promise<void> {
    this.#take(name)
    const ms = durationMs(duration, `the duration of "${name}"`)
    const leftMs = await this.#leftMs(sleepName(name), ms, `the sleep "${name}"`)
    if (leftMs <= 0) return
    this.#goOnAfter(leftMs)
    throw new Suspended()
  }

  async #runFlow(name: string, step: Step<void, unknown>, { timeout }: RunOptions): Promise<unknown> {
    this.#take(name)
    const flow = wholeFlowOf(step, 'what `run` is given')
    const limitMs = timeout === undefined ? undefined : durationMs(timeout, `the timeout of "${name}"`)
    const child = childId(this.#run.id, name)
    const member = (await this.#ended()).find((each) => each.id === child)
    const round = await this.#roundOf(name, member ?? child)
    if (member) return this.#answerInTime(name, member, round)
    this.#check()

    const what = `the flow "${name}"`
    const leftMs = limitMs === undefined ? Infinity : await this.#leftMs(limitName(name, round), limitMs, what)
    if (leftMs <= 0) return this.#atLimit(name, child, round)
    this.#check()
    await this.#insert(name, child, flow, leftMs)
    this.#waitsFor.push(child)
    if (leftMs < Infinity) this.#goOnAfter(leftMs)
    throw new Suspended()
  }

  async #insert(name: string, child: string, flow: FlowNode, leftMs: number): Promise<void> {
    const { id, claimed, note, startedAt } = this.#run
    const { env } = this.#runtime
    const waitMs = leftMs < Infinity ? leftMs : undefined
    const line = lineHeld(this.#run, waitMs, env.monotonic() - startedAt, env.now())
    const of = note?.of ?? note?.id ?? id
    try {
      const origin = { by: { id, claim: claimed.claim }, of, within: note?.id ?? id, line }
      await insertFlow(this.#runtime, flow, { id: child, options: {}, origin })
    } catch (error) {
      if (error instanceof ClaimLostError) await this.#refused(error)
      if (error instanceof WouldDeadlockError) this.#failures.add(error)
      if (!(error instanceof IdConflictError)) throw error
      await this.#takeUp(name, child)
    }
  }

  /** The store lets it start nothing any more, which the worker has yet to hear of. */
  async #refused(error: ClaimLostError): Promise<never> {
    const [job] = await (await this.#runtime.open()).get([this.#run.id])
    const cancelled = job && job !== 'gone' && job.state === 'running' && job.cancelRequestedAt !== undefined
    this.#run.end(cancelled ? 'cancelled' : 'lost')
    throw cancelled ? this.#run.signal.reason : error
  }

  /** What is left of a time that was begun by an earlier run, or is now. By the store's clock: it may go on elsewhere. */
  async #leftMs(key: string, ms: number, what: string): Promise<number> {
    const known = this.#known(key)
    const now = await (await this.#runtime.open()).now()
    const until = known === undefined ? now + ms : Number(known)
    if (known === undefined) await this.#write(key, String(until))

    const leftMs = Math.ceil(until - now)
    if (Number.isFinite(leftMs)) return leftMs
    throw new InvalidOptionError(`the stored end of ${what}`, known, 'a time')
  }

  #goOnAfter(ms: number): void {
    this.#delayMs = Math.min(this.#delayMs ?? Infinity, ms)
  }

  /** How often the job has failed since its time was over, and somebody has retried both. @throws FlowTimeoutError where nobody has */
  async #roundOf(name: string, flow: FlowEnd | string): Promise<number> {
    let round = 0
    while (this.#known(overName(name, round)) !== undefined) round++
    if (round === 0 || this.#known(limitName(name, round)) !== undefined) return round
    const hasFailed = this.#known(failedName(name, round - 1)) !== undefined
    if (hasFailed && (await isRetried(this.#runtime, flow))) return round

    throw this.#tooLate(name, round - 1)
  }

  /** One that has ended by itself has, however late that is seen. */
  async #atLimit(name: string, child: string, round: number): Promise<unknown> {
    const end = await endedOrCancelled(this.#runtime, child)
    if (end !== 'cancelled') return this.#answerInTime(name, end, round)
    return this.#giveUp(name, round)
  }

  /** An earlier run may have cancelled it at its limit and died before it could say so, and perhaps before all of it was cancelled. */
  async #answerInTime(name: string, end: FlowEnd, round: number): Promise<unknown> {
    const limit = this.#known(limitName(name, round))
    if (limit === undefined || !(await isCancelledSince(this.#runtime, end, Number(limit)))) return this.#answer(end)
    await cancelIfThere(this.#runtime, end.id)
    return this.#giveUp(name, round)
  }

  async #giveUp(name: string, round: number): Promise<never> {
    await this.#write(overName(name, round), 'true')
    this.#late = true
    throw this.#tooLate(name, round)
  }

  #tooLate(name: string, round: number): FlowTimeoutError {
    const failure = new FlowTimeoutError(this.#run.task, name)
    this.#failures.add(failure)
    this.#failedNames.set(failure, failedName(name, round))

    return failure
  }

  /** An earlier run has begun it, with other values: those stand, where all of it is there. */
  async #takeUp(name: string, child: string): Promise<void> {
    const store = await this.#runtime.open()
    const [last] = await store.get([child])
    // The earlier run may have ended before it opened the gate.
    if (last && last !== 'gone') return void (await store.release([{ id: gateIdOf(child), result: 'null' }]))

    const failure = new FlowChangedError(this.#run.task, name)
    this.#failures.add(failure)
    throw failure
  }

  /** What it has waited for so far. */
  #ended(): Promise<readonly Member[]> {
    const { id, members = [], moreMembers } = this.#run.claimed

    return (this.#members ??= moreMembers ? allMembers(this.#runtime, id) : Promise.resolve(members))
  }

  async #answer({ id, state, result, error }: FlowEnd): Promise<unknown> {
    if (state === 'succeeded') return typeof result === 'string' ? this.#runtime.codec.decode(result) : null
    const failure = await this.#failureOf(id, state, error)
    this.#failures.add(failure)
    throw failure
  }

  async #failureOf(id: string, state: Member['state'], error: Member['error']): Promise<Error> {
    if (state === 'failed' && error) return new JobFailedError(id, error)
    if (state === 'expired') return new JobExpiredError(id)
    const cause = await rootError(await this.#runtime.open(), id)

    return cause ? new JobFailedError(cause.id, cause.error) : new JobCancelledError(id)
  }

  async #write(name: string, result: string): Promise<void> {
    if ((await this.#reports.step(this.#run, name, result)) === 'written') return
    this.#run.end('lost')
    throw new ClaimLostError(this.#run.id)
  }

  /** Who was told to end, or has ended, begins nothing more. */
  #check(): void {
    const run = this.#run
    if (run.ending) throw run.signal.reason
    // It goes on somewhere while its job waits already.
    if (this.#over) throw new Suspended()
    if (this.#failure || run.over || run.closed) throw new ClaimLostError(run.id)
  }

  /** What an earlier run has stored. */
  #known(name: string): string | undefined {
    const { steps = {} } = this.#run.claimed

    return Object.hasOwn(steps, name) ? steps[name] : undefined
  }

  #take(name: string): void {
    this.#check()
    if (typeof name !== 'string' || name === '' || name.length > longestName || name.startsWith(ownMark)) {
      throw new InvalidOptionError(
        'the name of a step',
        name,
        `a text of 1 to ${longestName} characters that does not begin with "${ownMark}"`,
      )
    }
    if (this.#names.has(name)) throw new DuplicateStepError(this.#run.task, name)
    this.#names.add(name)
  }
}
