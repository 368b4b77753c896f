/**
 * A worker: takes turns with the store, runs jobs beside that, and sleeps until there is news.
 *
 * While a turn is away, what ends is gathered, and the next turn carries it all: an idle
 * worker answers at once and a busy one batches by itself. The worker decides how much to
 * take and what became of each run; only the store decides whose a job is.
 */
import { durationMs, type Duration } from '../duration.ts'
import { keepAlive } from '../env.ts'
import { HandlerError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { ControlMessage, IncarnationId, Store, Turn, TurnResult } from '../store/store.ts'
import { Upkeep } from '../upkeep/upkeep.ts'
import { Crew } from './crew.ts'
import { Lease } from './lease.ts'
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './options.ts'
import { Wakeup } from './wakeup.ts'

/** A worker with nothing to say still takes a turn this often: it hears of cancels and messages then. */
const heartbeatMs = 1000
/** What is due may be for others to take, or not to be had yet: a worker does not spin on it. */
const shortestSleepMs = 10
/** A reason of its own: the default one is an error with a stack, made each time. */
const awake = 'awake'
const longestTroubleMs = 5000
/** A signalled handler has this long to end before its job is given back without it. */
const abandonMs = 500

export interface StopOptions {
  /** How long running jobs may still take before their signals are aborted. @default the worker's `grace` */
  grace?: Duration
  /**
   * For a process about to exit: jobs that do not end after their signal are given back although they still run. Otherwise
   * `stop` waits for them. @default false
   */
  abandon?: boolean
}

export interface WorkerHealth {
  readonly healthy: boolean
  /** Why not, in a sentence. */
  readonly reason?: string
}

type Live = Extract<TurnResult, { gone: false }>

export class Worker {
  readonly options: ResolvedWorkerOptions
  /** Resolves when the worker has stopped, for whatever reason. Rejects if it could not go on. */
  readonly finished: Promise<void>
  readonly #runtime: Runtime
  readonly #crew: Crew
  readonly #wakeup = new Wakeup()
  readonly #lease: Lease
  #store!: Store
  #upkeep!: Upkeep
  #incarnation: IncarnationId = ''
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'
  #quiet = false
  #trouble = 0
  /** A turn has failed, so what this worker holds is not known: no other is sent before `resync` has told. */
  #unsure = false
  #abandoned = false
  /** Never rejects, as little as the loop. */
  #starting: Promise<unknown> | undefined
  #loop: Promise<void> | undefined
  #finish!: { resolve: () => void; reject: (error: unknown) => void }

  constructor(runtime: Runtime, options: WorkerOptions) {
    const handled = runtime.registry.all().filter(({ handler }) => handler)
    const queues = [...new Set(handled.map(({ queue }) => queue))]
    if (handled.length === 0) {
      throw new HandlerError(
        'No task has a handler in this process, so a worker would run nothing. Import the modules that define your tasks first.',
      )
    }
    this.#runtime = runtime
    this.options = resolveWorkerOptions(options, queues, `${runtime.env.host}-${runtime.env.pid}`)
    this.#lease = new Lease(runtime.env, this.options.leaseMs, {
      look: () => this.#wakeup.wake(),
      lost: () => this.#crew.endAll('lost'),
    })
    this.#crew = new Crew(runtime, this.options.groups, {
      store: () => this.#store,
      incarnation: () => this.#incarnation,
      news: () => this.#wakeup.wake(),
    })
    this.finished = new Promise((resolve, reject) => (this.#finish = { resolve, reject }))
    this.finished.catch(() => {})
  }

  get name(): string {
    return this.options.name
  }

  /** Resolves once it can claim. @throws what `onStart` throws, and the store's errors */
  async start(): Promise<this> {
    if (this.#state !== 'new') throw new HandlerError('A worker starts once. Make another with `errand.worker(…)`.')
    this.#state = 'running'
    const starting = this.#begin()
    this.#starting = starting.catch((error: unknown) => {
      this.#state = 'stopped'
      this.#finish.reject(error)
    })
    await starting

    return this
  }

  /** Claims no more, lets running jobs finish within the grace time, gives back the rest, and ends. */
  async stop(options: StopOptions = {}): Promise<void> {
    checkOptions(options, ['grace', 'abandon'], 'the options of `stop`')
    const { grace, abandon = false } = options
    if (this.#state === 'new' || this.#state === 'stopped') return
    const graceMs = grace === undefined ? this.options.graceMs : durationMs(grace, '`grace` of `stop`')
    this.#endSoon()
    this.#wakeup.wake()

    const signal = this.#runtime.env.after(graceMs, () => {
      this.#crew.endAll('stopping')
      if (abandon) this.#runtime.env.after(abandonMs, () => this.#abandon())
    })
    await this.#starting
    await this.#loop
    signal.cancel()
  }

  /** Whether it does what workers are for: it has lately heard from the store, and has slots that work. */
  health(): WorkerHealth {
    if (this.#state !== 'running') return { healthy: false, reason: `The worker is ${this.#state}.` }
    if (this.#lease.over) return { healthy: false, reason: 'The store has not answered for longer than the lease.' }
    if (this.#crew.allZombies)
      return { healthy: false, reason: 'Every slot is held by a handler that goes on after its timeout.' }

    return { healthy: true }
  }

  #endSoon(): void {
    this.#state = 'stopping'
    this.#crew.stopStarting()
  }

  #abandon(): void {
    this.#abandoned = true
    this.#crew.abandon()
    this.#wakeup.wake()
  }

  async #begin(): Promise<void> {
    this.#store = await this.#runtime.open()
    await this.options.onStart?.()
    try {
      await this.#join()
    } catch (error) {
      await this.options.onStop?.()
      throw error
    }
    this.#upkeep = new Upkeep(this.#runtime, this.#store, this.options.leaseMs, () => this.#wakeup.wake())
    this.#upkeep.start()
    this.#loop = this.#run()
  }

  async #join(): Promise<void> {
    const { name, groups, leaseMs } = this.options
    const { env } = this.#runtime
    const askedAt = env.monotonic()
    this.#incarnation = await this.#store.join({
      name,
      host: env.host,
      pid: env.pid,
      queues: this.#queues(),
      tasks: this.#runtime.registry.handledNames(),
      slots: groups.reduce((sum, { slots }) => sum + slots, 0),
      leaseMs,
    })
    this.#lease.renewed(askedAt)
    this.#runtime.bus.emit('worker started', { worker: name, incarnation: this.#incarnation, queues: this.#queues() })
  }

  #queues(): string[] {
    return this.options.groups.flatMap(({ queues }) => queues)
  }

  async #run(): Promise<void> {
    const alive = keepAlive(this.#runtime.env)
    try {
      while (!this.#isOver()) await this.#step()
      await this.#upkeep.stop()
      await this.#leave()
      await this.options.onStop?.()
      this.#finish.resolve()
    } catch (error) {
      this.#runtime.bus.emit('error', { error, during: 'a worker stopping' })
      this.#finish.reject(error)
    } finally {
      alive.cancel()
      this.#lease.stop()
      this.#state = 'stopped'
      this.#runtime.bus.emit('worker stopped', { worker: this.name })
    }
  }

  /** Where the store cannot be told, the end of the lease tells it. */
  async #leave(): Promise<void> {
    try {
      await this.#store.leave(this.#incarnation)
    } catch (error) {
      this.#runtime.bus.emit('error', { error, during: 'a worker leaving' })
    }
  }

  #isOver(): boolean {
    if (this.#runtime.closing.signal.aborted) this.#endSoon()

    return this.#state === 'stopping' && this.#crew.idle
  }

  async #step(): Promise<void> {
    this.#wakeup.reset()
    try {
      if (this.#unsure) await this.#resync()
      const answer = await this.#turn()
      this.#trouble = 0
      if (answer.gone) return await this.#beginAgain()
      this.#accept(answer)
      if (this.#isOver()) return
      // Quick jobs have ended when this turn of the event loop has, and sleeping would only cost.
      if (answer.claimed.length > 0 || this.#isBusy(answer)) await this.#yield()
      if (this.#isBusy(answer)) return
      if (this.options.burst && this.#crew.idle && !answer.more) this.#endSoon()
      else await this.#pause(answer.nextDueMs)
    } catch (error) {
      await this.#recover(error)
    }
  }

  #isBusy({ more }: Live): boolean {
    return this.#crew.hasNews || (more && this.#crew.hasRoom)
  }

  async #turn(): Promise<TurnResult> {
    const { env } = this.#runtime
    // Gathered first: what ends while reports are written goes with the next turn, after its own reports.
    const ended = this.#crew.report(this.#store.limits)
    await this.#crew.flushReports()
    const turn: Turn = {
      incarnation: this.#incarnation,
      ...ended,
      room: this.#state === 'running' && !this.#quiet ? this.#crew.room(this.#store.limits.jobsPerCall) : [],
      park: !this.#crew.hasNews,
    }
    const sentAt = env.monotonic()

    env.point('worker.before-turn')
    const answer = await this.#store.turn(turn)
    env.point('worker.after-turn')
    if (!answer.gone) this.#lease.renewed(sentAt)

    return answer
  }

  #accept(answer: Live): void {
    this.#crew.recorded(answer.stale)
    for (const message of answer.messages) this.#obey(message)
    for (const claim of answer.cancels) this.#crew.cancel(claim)
    this.#crew.take(answer.claimed)
    if (answer.nextDueMs !== undefined) this.#upkeep.dueIn(answer.nextDueMs)
  }

  #obey(message: ControlMessage): void {
    if (message.kind === 'quiet') this.#quiet = true
    else if (message.kind === 'resize') this.#crew.resize(message.slots)
    // Its promise is this loop's own, so nobody here may wait for it.
    else void this.stop()
  }

  /** Lets all that is due in this turn of the event loop end first, so that one turn carries it. */
  #yield(): Promise<void> {
    return new Promise((resolve) => this.#runtime.env.soon(resolve))
  }

  async #pause(nextDueMs = Infinity): Promise<void> {
    const asleep = new AbortController()
    const queues = this.#crew.hasRoom && this.#state === 'running' ? this.#queues() : []
    const ms = Math.min(heartbeatMs, this.options.leaseMs / 5, Math.max(shortestSleepMs, nextDueMs))

    const why = await Promise.race([this.#wakeup.woken, this.#store.wait(this.#incarnation, queues, ms, asleep.signal)])
    if (why === undefined) asleep.abort(awake)
    // What ends together wakes one by one; work that has come to the store is all there.
    if (why !== 'work') await this.#yield()
  }

  /** This life is over: what it held belongs to others. */
  async #beginAgain(): Promise<void> {
    const running = this.#crew.loseAll()
    this.#runtime.bus.emit('worker gone', { worker: this.name, running })
    await this.#join()
  }

  /** After a turn that failed: waits a little longer each time. */
  async #recover(error: unknown): Promise<void> {
    const { env, bus, closing } = this.#runtime
    this.#unsure = true
    bus.emit('error', { error, during: 'a turn' })
    if (closing.signal.aborted) this.#crew.abandon()
    if (this.#cannotWait) this.#crew.forgetEnded()
    if (this.#isOver()) return
    const waitMs = Math.min(longestTroubleMs, 50 * 2 ** this.#trouble++) * (0.5 + env.random() / 2)
    await new Promise<void>((resolve) => env.after(waitMs, resolve, { hold: true }))
  }

  /** On the way out, with a store that does not answer: what has ended cannot be recorded any more. */
  get #cannotWait(): boolean {
    if (this.#runtime.closing.signal.aborted || this.#abandoned) return true

    return this.#state === 'stopping' && this.#lease.over
  }

  /** Learns what is still held, so that what an unanswered turn carried is sent again if it was not recorded. */
  async #resync(): Promise<void> {
    const held = await this.#store.resync(this.#incarnation)
    if (held === 'gone') await this.#beginAgain()
    else {
      this.#crew.resynced(held.held)
      for (const message of held.messages) this.#obey(message)
    }
    this.#unsure = false
  }
}
