/**
 * What can be said of leases from outside.
 *
 * A turn need not write a lease that is hardly used, so a deadline is known only to lie
 * between two moments. While now lies between them, engines may differ on who is dead.
 */
import type { IncarnationId } from '../../store/store.ts'
import type { ManualEnv } from '../manual-env.ts'

interface Bounds {
  readonly leaseMs: number
  readonly from: number
  readonly to: number
}

export class Leases {
  readonly #env: ManualEnv
  readonly #bounds = new Map<IncarnationId, Bounds>()

  constructor(env: ManualEnv) {
    this.#env = env
  }

  joined(life: IncarnationId, leaseMs: number): void {
    this.#extend(life, leaseMs)
  }

  /** After a turn of it: within its first third, whether a lease is written is the engine's affair. */
  renewed(life: IncarnationId): void {
    const { leaseMs, from, to } = this.#bounds.get(life)!
    const left = to - this.#env.monotonic()
    if (left <= (leaseMs * 2) / 3) this.#extend(life, leaseMs)
    else this.#bounds.set(life, { leaseMs, from, to: this.#env.monotonic() + leaseMs })
  }

  keptUp(extended: boolean): void {
    const now = this.#env.monotonic()
    for (const [life, { leaseMs, to }] of this.#bounds) {
      if (extended) this.#extend(life, leaseMs)
      else if (to <= now) this.#bounds.delete(life)
    }
  }

  get unsure(): boolean {
    const now = this.#env.monotonic()
    return this.#bounds.values().some(({ from, to }) => from <= now && now < to)
  }

  #extend(life: IncarnationId, leaseMs: number) {
    const at = this.#env.monotonic() + leaseMs
    this.#bounds.set(life, { leaseMs, from: at, to: at })
  }
}
