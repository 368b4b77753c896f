/** A worker as its app hands it out: started, stopped, asked how it is. What it does is the `Loop`'s. */
import { durationMs, type Duration } from '../duration.ts'
import { keepAlive, orAborted } from '../env.ts'
import { HandlerError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { Beat, StartOptions } from '../schedule/beat.ts'
import type { IncarnationId, Store } from '../store/store.ts'
import { Upkeep } from '../upkeep/upkeep.ts'
import { Loop } from './loop.ts'
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './options.ts'

/** A signalled handler has this long to end before its job is given back without it. */
const abandonMs = 500
/** A reason of its own, to be told from errors. */
const stopped = 'stopped'

/** How a worker stops. */
export interface StopOptions {
  /** How long running jobs may still take before their signals are aborted. @default the worker's `grace` */
  grace?: Duration
  /**
   * For a process about to exit: jobs that do not end after their signal are given back although they still run. Otherwise
   * `stop` waits for them. @default false
   */
  abandon?: boolean
}

/** Whether a worker works. */
export interface WorkerHealth {
  readonly healthy: boolean
  /** Why not, in a sentence. */
  readonly reason?: string
}

/** A worker of this process, made by `errand.worker`. It starts once, and stops once. */
export class Worker {
  /** Resolves when the worker has stopped, for whatever reason. Rejects if it could not go on. */
  readonly finished: Promise<void>
  readonly #options: ResolvedWorkerOptions
  readonly #runtime: Runtime
  readonly #loop: Loop
  readonly #beat: Beat | undefined
  #upkeep!: Upkeep
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'
  /** Never rejects, as little as the life. */
  #starting: Promise<unknown> | undefined
  #life: Promise<void> | undefined
  readonly #stopping = new AbortController()
  #finish!: { resolve: () => void; reject: (error: unknown) => void }

  /** `beat` fires schedules for as long as the worker runs. */
  constructor(runtime: Runtime, options: WorkerOptions, beat?: Beat) {
    const handled = runtime.registry.all().filter(({ handler }) => handler)
    const queues = [...new Set(handled.map(({ queue }) => queue))]
    if (handled.length === 0) {
      throw new HandlerError(
        'No task has a handler in this process, so a worker would run nothing. Import the modules that define your tasks first.',
      )
    }
    this.#runtime = runtime
    this.#beat = beat
    this.#options = resolveWorkerOptions(options, queues, `${runtime.env.host}-${runtime.env.pid}`)
    this.#loop = new Loop(runtime, this.#options, {
      join: (store) => this.#join(store),
      // Its promise is the loop's own, so the loop may not wait for it.
      stop: () => void this.stop(),
      due: (inMs) => this.#upkeep.dueIn(inMs),
    })
    this.finished = new Promise((resolve, reject) => (this.#finish = { resolve, reject }))
    this.finished.catch(() => {})
  }

  /** As it was given, else the host and process id. */
  get name(): string {
    return this.#options.name
  }

  /** The queues it serves. */
  get queues(): readonly string[] {
    return this.#options.groups.flatMap((group) => group.queues)
  }

  /** Resolves once it can claim, or was stopped before. @throws what `onStart` throws, and the store's errors */
  async start(options: StartOptions = {}): Promise<this> {
    checkOptions(options, ['patient'], 'the options of `start`')
    if (this.#state !== 'new') throw new HandlerError('A worker starts once. Make another with `errand.worker(…)`.')
    this.#state = 'running'
    const starting = this.#begin(options.patient ?? false)
    this.#starting = starting.catch((error: unknown) => {
      this.#state = 'stopped'
      if (error === stopped) this.#finish.resolve()
      else this.#finish.reject(error)
    })
    await starting.catch((error: unknown) => {
      if (error !== stopped) throw error
    })

    return this
  }

  /** Claims no more, lets running jobs finish within the grace time, gives back the rest, and ends. */
  async stop(options: StopOptions = {}): Promise<void> {
    checkOptions(options, ['grace', 'abandon'], 'the options of `stop`')
    const { grace, abandon = false } = options
    if (this.#state === 'new' || this.#state === 'stopped') return
    const graceMs = grace === undefined ? this.#options.graceMs : durationMs(grace, '`grace` of `stop`')
    this.#state = 'stopping'
    this.#stopping.abort(stopped)
    this.#loop.endSoon()

    const signal = this.#runtime.env.after(graceMs, () => {
      this.#loop.crew.endAll('stopping')
      if (abandon) this.#runtime.env.after(abandonMs, () => this.#loop.abandon())
    })
    await this.#starting
    await this.#life
    signal.cancel()
  }

  /** Whether it does what workers are for: it has lately heard from the store, and has slots that work. */
  health(): WorkerHealth {
    const { lease, crew } = this.#loop
    if (this.#state !== 'running') return { healthy: false, reason: `The worker is ${this.#state}.` }
    if (lease.over) return { healthy: false, reason: 'The store has not answered for longer than the lease.' }
    if (crew.allZombies)
      return { healthy: false, reason: 'Every slot is held by a handler that goes on after its timeout.' }

    return { healthy: true }
  }

  async #begin(patient: boolean): Promise<void> {
    const { signal } = this.#stopping
    const ask = <T>(call: () => Promise<T>) =>
      patient ? this.#runtime.outage.persist('starting a worker', signal, call) : call()
    // Whoever stops does not wait for a server that may never answer.
    const store = await orAborted(
      signal,
      ask(() => this.#runtime.open()),
    )
    await this.#options.onStart?.()
    try {
      await ask(async () => this.#beat?.start())
      await ask(() => this.#loop.begin(store))
    } catch (error) {
      await this.#beat?.stop()
      await this.#options.onStop?.()
      throw error
    }
    this.#upkeep = new Upkeep(this.#runtime, store, this.#options.leaseMs, () => this.#loop.wake())
    this.#upkeep.start()
    this.#life = this.#live(this.#runtime.findings.tell(store))
  }

  async #join(store: Store): Promise<IncarnationId> {
    const { queues } = this
    const { name, groups, leaseMs } = this.#options
    const { env, bus, registry } = this.#runtime
    const incarnation = await store.join({
      name,
      host: env.host,
      pid: env.pid,
      queues,
      tasks: registry.handledNames(),
      slots: groups.reduce((sum, { slots }) => sum + slots, 0),
      leaseMs,
    })
    bus.emit('worker started', { worker: name, incarnation, queues })

    return incarnation
  }

  async #live(findings: Promise<void>): Promise<void> {
    const alive = keepAlive(this.#runtime.env)
    try {
      await this.#loop.run()
      this.#state = 'stopping'
      await Promise.all([this.#upkeep.stop(), this.#beat?.stop(), findings])
      await this.#loop.leave()
      await this.#options.onStop?.()
      this.#finish.resolve()
    } catch (error) {
      this.#runtime.bus.emit('error', { error, during: 'a worker stopping' })
      this.#finish.reject(error)
    } finally {
      alive.cancel()
      this.#loop.lease.stop()
      this.#state = 'stopped'
      this.#runtime.bus.emit('worker stopped', { worker: this.name })
    }
  }
}
