/**
 * The beat: fires the schedules of a store when they are due.
 *
 * Any number of processes may, at once: the store compares each tick with the schedule's own time, so one of
 * them fires it. Each looks when the next falls due, and at least every second, since another process may have
 * made a schedule meanwhile.
 */
import { orAborted, type Timer } from '../env.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { Store } from '../store/store.ts'
import { declareEveryMs, type DeclaredSchedules } from './declared.ts'
import { Firing } from './firing.ts'

const longestSleepMs = 1_000

/** How a worker or a beat starts. */
export interface StartOptions {
  /**
   * Waits for a store whose server is away, however long, instead of throwing: a deployment may start everything at once.
   * `stop` ends the wait. @default false
   */
  patient?: boolean
}

/** A reason of its own, to be told from errors. */
const stopped = 'stopped'

/** A beat of this process, made by `errand.beat`. It starts once, and stops once. */
export class Beat {
  readonly #runtime: Runtime
  readonly #declared: DeclaredSchedules
  #state: 'new' | 'running' | 'stopped' = 'new'
  #timer: Timer | undefined
  #declareAt = 0
  #hasDeclared = false
  #working: Promise<void> | undefined
  readonly #stopping = new AbortController()
  /** Of the store that has been told of this app's schedules. */
  #life: string | undefined
  readonly #firing: Firing
  /** Something has changed since the look that is under way began. */
  #lookAgain = false

  constructor(runtime: Runtime, declared: DeclaredSchedules) {
    this.#runtime = runtime
    this.#declared = declared
    this.#firing = new Firing(runtime)
  }

  /** Declares this app's schedules and fires whatever is due, until `stop`. Where it fails it may be called again. @throws the store's errors */
  async start(options: StartOptions = {}): Promise<this> {
    checkOptions(options, ['patient'], 'the options of `start`')
    if (this.#state !== 'new') return this
    this.#state = 'running'
    const { signal } = this.#stopping
    const declare = async () => this.#declare(await this.#runtime.open())
    try {
      await orAborted(signal, options.patient ? this.#runtime.outage.persist('the beat', signal, declare) : declare())
    } catch (error) {
      if (error === stopped) return this
      if (this.#state === 'running') this.#state = 'new'
      throw error
    }
    this.#plan(0)

    return this
  }

  /** Resolves when the tick under way is fired. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#stopping.abort(stopped)
    this.#timer?.cancel()
    await this.#working
    this.#runtime.outage.over('the beat')
  }

  /** A schedule has been made or changed in this process: look at once. */
  look(): void {
    if (this.#working) this.#lookAgain = true
    else if (this.#state === 'running') this.#plan(0)
  }

  #plan(ms: number): void {
    if (this.#state !== 'running' || this.#runtime.closing.signal.aborted) return
    this.#timer?.cancel()
    this.#timer = this.#runtime.env.after(ms, () => {
      this.#working = this.#work().finally(() => (this.#working = undefined))
    })
  }

  async #work(): Promise<void> {
    try {
      const store = await this.#runtime.open()
      await this.#declare(store)
      this.#lookAgain = false
      const nextDueMs = await this.#fireDue(store)
      this.#runtime.outage.answered('the beat')
      this.#working = undefined
      this.#plan(this.#lookAgain ? 0 : Math.min(nextDueMs, this.#spread(longestSleepMs)))
    } catch (error) {
      if (this.#runtime.closing.signal.aborted) return
      this.#runtime.outage.failed('the beat', error)
      this.#plan(this.#spread(longestSleepMs))
    }
  }

  async #declare(store: Store): Promise<void> {
    const now = this.#runtime.env.monotonic()
    if (now < this.#declareAt) return
    // Whoever starts a beat hears of what is wrong; one that goes on goes on with the others.
    await this.#declared.declare(store, { again: this.#declareAt > 0, passOver: this.#hasDeclared })
    this.#hasDeclared = true
    this.#declareAt = now + declareEveryMs
  }

  /** Milliseconds until there is something to fire again, what was just fired included. */
  async #fireDue(store: Store): Promise<number> {
    const { env } = this.#runtime
    for (;;) {
      const { now, due, nextDueMs = Infinity, life } = await store.schedules.due(this.#firing.perLook)
      const answeredAt = env.monotonic()
      if (this.#life !== undefined && life !== this.#life) {
        await this.#declareAnew(store)
        continue
      }
      this.#life = life
      const { nextAt, progress } = await this.#firing.fire(store, due, now, nextDueMs > 0)
      if (nextDueMs > 0) return Math.max(Math.min(nextDueMs, nextAt - now) - (env.monotonic() - answeredAt), 1)
      if (!progress || this.#state !== 'running') return longestSleepMs
    }
  }

  /** The store has lost its data, and with it what was declared. */
  async #declareAnew(store: Store): Promise<void> {
    this.#declareAt = 0
    await this.#declare(store)
    this.#life = undefined
  }

  /** Processes that started together soon look apart. */
  #spread(ms: number): number {
    return ms * (0.75 + this.#runtime.env.random() / 2)
  }
}
