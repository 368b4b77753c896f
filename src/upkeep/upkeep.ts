/**
 * Upkeep: asks the store, about once a second and when something falls due, to promote,
 * rescue, expire, spread and prune. Any number of processes may; each call is bounded.
 *
 * It looks several times within the worker's own lease, since a store that nobody looked
 * after for half of a lease extends that lease instead of rescuing.
 */
import type { Timer } from '../env.ts'
import type { Runtime } from '../runtime.ts'
import type { Store, UpkeepResult } from '../store/store.ts'

const everyMs = 1000
const looksPerLease = 5
const restMs = 10

/** What is due and was not done now is not upkeep's to do, such as a ready job that nobody has room for: no spinning on it. */
const nextMs = ({ nextDueMs = Infinity }: UpkeepResult) => (nextDueMs > 0 ? nextDueMs : Infinity)

export class Upkeep {
  readonly #runtime: Runtime
  readonly #store: Store
  readonly #everyMs: number
  readonly #promoted: () => void
  #timer: Timer | undefined
  #dueAt = Infinity
  #working: Promise<void> | undefined
  #stopped = false

  /** `promoted` is called when jobs have become ready. */
  constructor(runtime: Runtime, store: Store, leaseMs: number, promoted: () => void) {
    this.#runtime = runtime
    this.#everyMs = Math.min(everyMs, leaseMs / looksPerLease)
    this.#store = store
    this.#promoted = promoted
  }

  start(): void {
    this.#plan(0)
  }

  /** Something falls due in `ms`: look no later. */
  dueIn(ms: number): void {
    // A busy worker is told in each of its turns.
    if (ms === 0) ms = restMs
    const at = this.#runtime.env.monotonic() + ms
    if (at >= this.#dueAt - 1) return
    // What is on its way may not have seen it.
    if (this.#working) this.#dueAt = at
    else this.#plan(ms)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#working
    this.#runtime.outage.over('upkeep')
  }

  #plan(ms: number): void {
    if (this.#stopped) return
    this.#timer?.cancel()
    this.#dueAt = this.#runtime.env.monotonic() + ms
    this.#timer = this.#runtime.env.after(Math.max(0, ms), () => {
      this.#working = this.#work().finally(() => (this.#working = undefined))
    })
  }

  async #work(): Promise<void> {
    this.#dueAt = Infinity
    try {
      const done = await this.#store.upkeep()
      this.#runtime.outage.answered('upkeep')
      this.#tell(done)
      this.#working = undefined
      const toldMs = Math.max(restMs, this.#dueAt - this.#runtime.env.monotonic())
      this.#plan(done.more ? 0 : Math.min(nextMs(done), toldMs, this.#spread(this.#everyMs)))
    } catch (error) {
      if (this.#stopped) return
      this.#runtime.outage.failed('upkeep', error)
      this.#plan(this.#spread(this.#everyMs))
    }
  }

  #tell({ promoted, rescued, spread }: UpkeepResult): void {
    if (rescued > 0) this.#runtime.bus.emit('rescued', { jobs: rescued })
    if (promoted + rescued + spread > 0) this.#promoted()
  }

  /** Workers that started together soon look apart. */
  #spread(ms: number): number {
    return ms * (0.75 + this.#runtime.env.random() / 2)
  }
}
