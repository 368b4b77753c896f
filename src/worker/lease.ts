/**
 * The worker's own view of its lease, on the monotonic clock, from before it sent the last
 * turn that was answered. A store writes a lease only after a third of it, so what is sure
 * after a turn is the other two. One margin before they end it looks once more, and if no
 * answer comes it tells the runs to end: another worker may hold their jobs soon.
 */
import type { Env, Timer } from '../env.ts'

const sureShare = 2 / 3
const marginShare = 1 / 8
/** After a stalled event loop the answer may be lying there already. */
const lastLookMs = 100

export class Lease {
  readonly #env: Env
  readonly #leaseMs: number
  readonly #tell: { look: () => void; lost: () => void }
  #renewedAt = -Infinity
  #timer: Timer | undefined

  constructor(env: Env, leaseMs: number, tell: { look: () => void; lost: () => void }) {
    this.#env = env
    this.#leaseMs = leaseMs
    this.#tell = tell
  }

  /** The store has answered a turn that was sent at `sentAt`; answers may come in another order. */
  renewed(sentAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, sentAt)
    if (!this.#timer) this.#watch()
  }

  get over(): boolean {
    return this.#env.monotonic() - this.#renewedAt > this.#leaseMs
  }

  /** Nobody else can hold now what this worker was given, as far as it was answered. */
  get sure(): boolean {
    return this.#env.monotonic() - this.#renewedAt <= this.#leaseMs * sureShare
  }

  stop(): void {
    this.#timer?.cancel()
  }

  get #leftMs(): number {
    return this.#renewedAt + this.#leaseMs * (sureShare - marginShare) - this.#env.monotonic()
  }

  #watch(): void {
    const leftMs = this.#leftMs
    // Once it is over there is nothing to be in time for.
    this.#timer = this.#env.after(leftMs > 0 ? leftMs : this.#leaseMs / 8, () => this.#check())
  }

  #check(): void {
    if (this.#leftMs > 0) return this.#watch()
    this.#tell.look()
    this.#timer = this.#env.after(lastLookMs, () => {
      if (this.#leftMs <= 0) this.#tell.lost()
      this.#watch()
    })
  }
}
