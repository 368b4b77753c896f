/** What this process knows of incarnations: their numbers, the generation of their calls, and where to go on claiming. */
import type { Env } from '../../env.ts'
import type { IncarnationId } from '../store.ts'

/** A job whose place is lower but whose transaction committed later is passed over for so long at most. */
const hintedMs = 500

export interface Life {
  /** Undefined where another process joined it. */
  no: number | undefined
  epoch: number | undefined
  /** The last turn had to go behind the gate, so the next one asks for it at once. */
  special: boolean
  /** The last turn has noted it as asleep: if it is not so any more, somebody has woken it since. */
  parked: boolean
  /** Somebody's transaction has left something to upkeep: the next turn says that it is due. */
  upkeepDue: boolean
  /** A connection that is silent for so long is given up: in time for a turn over another one before the lease is over. */
  silenceMs: number | undefined
}

const shortestSilenceMs = 1_000

export const silenceMsOf = (leaseMs: number): number => Math.max(shortestSilenceMs, leaseMs / 3)

export class Lives {
  readonly #known = new Map<IncarnationId, Life>()

  get(id: IncarnationId): Life {
    const known = this.#known.get(id) ?? {
      no: undefined,
      epoch: undefined,
      special: false,
      parked: false,
      upkeepDue: false,
      silenceMs: undefined,
    }
    this.#known.set(id, known)
    return known
  }

  upkeepDue(worker: number): void {
    for (const life of this.#known.values()) if (life.no === worker) life.upkeepDue = true
  }

  forget(id: IncarnationId): void {
    this.#known.delete(id)
  }
}

/**
 * Where each line of this process was claimed up to. Starting there saves the claim from walking over rows that are
 * dead and not yet vacuumed, which is what makes other queues slow under a long transaction.
 */
export class Hints {
  readonly #env: Env
  readonly #places = new Map<number, number[]>()
  #begun = -Infinity

  constructor(env: Env) {
    this.#env = env
  }

  /** As the turn takes them: minus the queue's number, then a place for each rank. */
  given(): number[] | null {
    const now = this.#env.monotonic()
    if (now - this.#begun > hintedMs) {
      this.#places.clear()
      this.#begun = now
    }
    if (this.#places.size === 0) return null
    return [...this.#places].flatMap(([queue, places]) => [-queue, ...places])
  }

  claimed(queue: number, rank: number, place: number): void {
    const places = this.#places.get(queue) ?? [0, 0, 0, 0]
    this.#places.set(queue, places)
    if (place > places[rank]!) places[rank] = place
  }

  /** A job may have come back to an earlier place. */
  clear(): void {
    this.#places.clear()
  }
}
