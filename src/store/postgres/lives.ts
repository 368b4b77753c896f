/** What this process knows of incarnations: their numbers, and the generation of their calls. */
import type { IncarnationId } from '../store.ts'

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
