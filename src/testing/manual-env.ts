/**
 * A world that only moves when it is told to: for tests and simulators.
 *
 * Both clocks stand still until `advance`, chance comes from a seed, and ids count up
 * from one, so that the same script gives the same history twice. `soon` alone is
 * real: what is to happen after this turn of the event loop needs no time to pass.
 */
import { systemEnv, type Env, type Point, type Timer } from '../env.ts'

const real = systemEnv()

export interface ManualEnvOptions {
  /** Wall time at the start. @default 2026-01-01T00:00:00Z */
  startAt?: number
  /** Where chance begins. @default 1 */
  seed?: number
  /** First number of the ids; give each of several worlds over one store its own. @default 1 */
  firstId?: number
  /** @default 'test' */
  host?: string
  /** @default 1 */
  pid?: number
  /** @default 'boot-1' */
  bootId?: string
}

interface SetTimer {
  readonly at: number
  readonly callback: () => void
}

export class ManualEnv implements Env {
  readonly bootId: string
  readonly host: string
  readonly pid: number
  /** Called at every named point. Throwing from it is dying there. */
  onPoint: (name: Point) => void = () => {}
  /** Resolves when all that is under way outside this process has arrived: set by who opens a store on a server. */
  onIdle: (() => Promise<void>) | undefined

  #wall: number
  #monotonic = 1_000_000
  #timers: SetTimer[] = []
  #chance: number
  #nextId: number

  constructor(options: ManualEnvOptions = {}) {
    this.#wall = options.startAt ?? Date.UTC(2026, 0, 1)
    this.#chance = options.seed ?? 1
    this.#nextId = options.firstId ?? 1
    this.host = options.host ?? 'test'
    this.pid = options.pid ?? 1
    this.bootId = options.bootId ?? 'boot-1'
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  after(ms: number, callback: () => void): Timer {
    const timer: SetTimer = { at: this.#monotonic + Math.max(0, ms), callback }
    // Timers due at the same moment fire in the order they were set.
    const later = this.#timers.findIndex(({ at }) => at > timer.at)
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer)

    return { cancel: () => this.#cancel(timer) }
  }

  soon(callback: () => void): void {
    real.soon(callback)
  }

  /** Mulberry32: small, seeded, even enough for tests. */
  random(): number {
    this.#chance = (this.#chance + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#chance ^ (this.#chance >>> 15), 1 | this.#chance)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A UUID whose last part counts: 00000000-0000-7000-8000-000000000001. */
  id(): string {
    return `00000000-0000-7000-8000-${String(this.#nextId++).padStart(12, '0')}`
  }

  point(name: Point): void {
    this.onPoint(name)
  }

  /** Milliseconds until the next timer fires, if any is set. */
  get nextTimerMs(): number | undefined {
    return this.#timers[0] && Math.max(0, this.#timers[0].at - this.#monotonic)
  }

  /** Moves both clocks on. Timers fire in order, each at its own moment, and what they set going runs before the next. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms
    await this.idle()

    while (this.#timers[0] && this.#timers[0].at <= target) {
      const timer = this.#timers.shift()!
      this.#moveTo(Math.max(timer.at, this.#monotonic))
      timer.callback()
      await this.idle()
    }

    this.#moveTo(target)
  }

  /** Sets the wall clock forward or back, as an administrator would. Timers and leases do not notice. */
  jump(ms: number): void {
    this.#wall += ms
  }

  /** Lets everything run that can run without time passing. */
  async idle(): Promise<void> {
    await this.#soonThrice()
    // What arrives may be answered to, and that too is to be over.
    for (let round = 0; this.onIdle && round < 3; round++) {
      await this.onIdle()
      await this.#soonThrice()
    }
  }

  async #soonThrice() {
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => real.soon(resolve))
  }

  #moveTo(moment: number) {
    this.#wall += moment - this.#monotonic
    this.#monotonic = moment
  }

  #cancel(timer: SetTimer) {
    const index = this.#timers.indexOf(timer)
    if (index !== -1) this.#timers.splice(index, 1)
  }
}
