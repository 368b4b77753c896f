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
import type { NewJob, ScheduleRecord, Store, Tick } from '../store/store.ts'
import type { DeclaredSchedules } from './declared.ts'
import { readRule, type StoredRule } from './rule.ts'
import { ticksOf } from './tick.ts'

const longestSleepMs = 1_000
const declareEveryMs = 3_600_000
const schedulesPerLook = 200

export interface StartOptions {
  /**
   * Waits for a store whose server is away, however long, instead of throwing: a deployment may start everything at once.
   * `stop` ends the wait. @default false
   */
  patient?: boolean
}

/** A reason of its own, to be told from errors. */
const stopped = 'stopped'

export class Beat {
  readonly #runtime: Runtime
  readonly #declared: DeclaredSchedules
  #state: 'new' | 'running' | 'stopped' = 'new'
  #timer: Timer | undefined
  #declareAt = 0
  #working: Promise<void> | undefined
  readonly #stopping = new AbortController()
  /** Of the store that has been told of this app's schedules. */
  #life: string | undefined
  /** Named once, not every second. */
  readonly #unreadable = new Set<string>()

  constructor(runtime: Runtime, declared: DeclaredSchedules) {
    this.#runtime = runtime
    this.#declared = declared
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
    if (this.#state === 'running' && !this.#working) this.#plan(0)
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
      const nextDueMs = await this.#fireDue(store)
      this.#runtime.outage.answered('the beat')
      this.#working = undefined
      this.#plan(Math.min(nextDueMs, this.#spread(longestSleepMs)))
    } catch (error) {
      if (this.#runtime.closing.signal.aborted) return
      this.#runtime.outage.failed('the beat', error)
      this.#plan(this.#spread(longestSleepMs))
    }
  }

  async #declare(store: Store): Promise<void> {
    const now = this.#runtime.env.monotonic()
    if (now < this.#declareAt) return
    await this.#declared.declare(store)
    this.#declareAt = now + declareEveryMs
  }

  /** Milliseconds until there is something to fire again. */
  async #fireDue(store: Store): Promise<number> {
    for (;;) {
      const { now, due, nextDueMs = Infinity, life } = await store.schedules.due(schedulesPerLook)
      if (this.#life !== undefined && life !== this.#life) {
        await this.#declareAnew(store)
        continue
      }
      this.#life = life
      const ticks = await this.#ticks(store, due, now)
      for (let from = 0; from < ticks.length; from += store.limits.jobsPerCall) {
        await store.schedules.fire(ticks.slice(from, from + store.limits.jobsPerCall))
      }
      if (ticks.length === 0 || nextDueMs > 0 || this.#state !== 'running') return Math.max(nextDueMs, 1)
    }
  }

  /** The store has lost its data, and with it what was declared. */
  async #declareAnew(store: Store): Promise<void> {
    this.#declareAt = 0
    await this.#declare(store)
    this.#life = undefined
  }

  /** By the store's clock: this process's own may be wrong. */
  async #ticks(store: Store, due: readonly ScheduleRecord[], now: number): Promise<Tick[]> {
    const ticks: Tick[] = []
    for (const schedule of due) {
      const rule = this.#ruleOf(schedule)
      if (!rule) continue
      const { env } = this.#runtime
      const making = { id: () => env.id(), random: () => env.random() }
      const fired = ticksOf(schedule, rule, now, making)
      ticks.push(...(rule.overlap === 'queue' ? await inTurn(store, schedule, fired) : fired))
    }
    return ticks
  }

  #ruleOf({ name, rule }: ScheduleRecord): StoredRule | undefined {
    try {
      return readRule(rule)
    } catch (error) {
      if (!this.#unreadable.has(name))
        this.#runtime.bus.emit('error', { error, during: `reading the schedule "${name}"` })
      this.#unreadable.add(name)
      return undefined
    }
  }

  /** Processes that started together soon look apart. */
  #spread(ms: number): number {
    return ms * (0.75 + this.#runtime.env.random() / 2)
  }
}

/** Each tick's job waits for the one before it to end, however it ends. */
async function inTurn(store: Store, { lastJob }: ScheduleRecord, ticks: readonly Tick[]): Promise<Tick[]> {
  let before = lastJob === undefined ? undefined : await unfinished(store, lastJob)

  return ticks.map((tick) => {
    if (!tick.job) return tick
    const job: NewJob = before === undefined ? tick.job : { ...tick.job, after: { on: [before], otherwise: 'run' } }
    before = job.id
    return { ...tick, job }
  })
}

async function unfinished(store: Store, id: string): Promise<string | undefined> {
  const [job] = await store.get([id])

  return job && job !== 'gone' && job.finishedAt === undefined ? id : undefined
}
