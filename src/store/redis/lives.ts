/** What this handle knows of the incarnations that it speaks for. */
import type { Bond } from './connection/connection.ts'
import type { IncarnationId } from '../store.ts'

interface Life {
  /** Raised by each resync: an older turn that is still on its way acts no more. */
  epoch: string
  /** Number of the last arrival before its last turn. */
  seen: string
  /** Of the server that told what this incarnation holds. */
  readonly bond: Bond
}

export class Lives {
  readonly #lives = new Map<IncarnationId, Life>()

  joined(id: IncarnationId, bond: Bond): void {
    this.#lives.set(id, { epoch: '0', seen: '0', bond })
  }

  gone(id: IncarnationId): void {
    this.#lives.delete(id)
  }

  /** '' for one that joined through another handle. */
  epochOf(id: IncarnationId): string {
    return this.#lives.get(id)?.epoch ?? ''
  }

  seenBy(id: IncarnationId): string {
    return this.#lives.get(id)?.seen ?? '0'
  }

  bondOf(id: IncarnationId): Bond {
    return this.#lives.get(id)?.bond ?? {}
  }

  /** What it has seen is forgotten too: a server that has taken over may number arrivals from further back. */
  resynced(id: IncarnationId, epoch: string, bond: Bond): void {
    this.#lives.set(id, { seen: '0', epoch, bond })
  }

  turned(id: IncarnationId, seen: string): void {
    const life = this.#lives.get(id)
    if (life) life.seen = seen
    else this.#lives.set(id, { epoch: '', seen, bond: {} })
  }
}
