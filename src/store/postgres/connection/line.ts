/**
 * Who waits for a connection: as many get a place as there are connections, those first that keep a lease, then who came first.
 *
 * One waits as long as others are answered: it is the server that is busy then, and with what it was asked before.
 */
import type { Env, Timer } from '../../../env.ts'
import { StoreBusyError } from '../../../errors.ts'

interface Waiting {
  readonly since: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Line {
  readonly #env: Env
  readonly #patienceMs: number
  readonly #urgent: Waiting[] = []
  readonly #others: Waiting[] = []
  #free: number
  /** When the server last answered anybody. */
  #answeredAt = -Infinity
  #patience: Timer | undefined

  constructor(env: Env, places: number, patienceMs: number) {
    this.#env = env
    this.#free = places
    this.#patienceMs = patienceMs
  }

  /**
   * Resolves when a place is free, which `leave` gives back, with the time since which the server has kept one waiting.
   *
   * @throws StoreBusyError, and what `giveUp` was given
   */
  async enter(urgent: boolean): Promise<number> {
    const since = this.#env.monotonic()
    if (this.#free > 0) this.#free--
    else await this.#wait(since, urgent ? this.#urgent : this.#others)

    return Math.max(since, this.#answeredAt)
  }

  leave(): void {
    const next = this.#urgent.shift() ?? this.#others.shift()
    if (next) next.resolve()
    else this.#free++
  }

  answered(): void {
    this.#answeredAt = this.#env.monotonic()
  }

  /** Those who have waited for as long as one may need not find out for themselves, unless somebody was answered meanwhile. */
  giveUp(error: unknown): void {
    const latest = this.#env.monotonic() - this.#patienceMs
    if (this.#answeredAt > latest) return
    for (const line of [this.#urgent, this.#others]) {
      const staying = line.findIndex(({ since }) => since > latest)
      for (const { reject } of line.splice(0, staying === -1 ? line.length : staying)) reject(error)
    }
  }

  #wait(since: number, line: Waiting[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    line.push({ since, resolve, reject })
    this.#watch()

    return promise
  }

  #watch(): void {
    const firsts = [this.#urgent[0], this.#others[0]].flatMap((first) => first?.since ?? [])
    if (this.#patience || firsts.length === 0) return
    const until = Math.max(Math.min(...firsts), this.#answeredAt) + this.#patienceMs
    this.#patience = this.#env.after(Math.max(1, until - this.#env.monotonic()), () => {
      this.#patience = undefined
      this.giveUp(new StoreBusyError(this.#patienceMs, 'all connections are in use'))
      this.#watch()
    })
  }
}
