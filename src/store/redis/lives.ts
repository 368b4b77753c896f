/** What this handle knows of the incarnations that it speaks for. */
import type { IncarnationId } from '../store.ts'

interface Life {
  /** Raised by each resync: an older turn that is still on its way acts no more. */
  epoch: string
  /** Number of the last arrival before its last turn. */
  seen: string
}

export class Lives {
  readonly #lives = new Map<IncarnationId, Life>()

  joined(id: IncarnationId): void {
    this.#lives.set(id, { epoch: '0', seen: '0' })
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

  resynced(id: IncarnationId, epoch: string): void {
    this.#lives.set(id, { seen: this.seenBy(id), epoch })
  }

  turned(id: IncarnationId, seen: string): void {
    const life = this.#lives.get(id)
    if (life) life.seen = seen
    else this.#lives.set(id, { epoch: '', seen })
  }
}
