/** What a store says of itself that is not good: told when the first worker starts, so that nobody need think of asking for it. */
import type { Store } from '../store/store.ts'
import type { Bus } from './bus.ts'

export class Findings {
  readonly #bus: Bus
  #told = false

  constructor(bus: Bus) {
    this.#bus = bus
  }

  /** Never rejects. Resolves when it has been told. */
  async tell(store: Store): Promise<void> {
    if (this.#told || !this.#bus.hears('store finding')) return
    this.#told = true
    try {
      for (const finding of await store.inspect()) {
        if (finding.verdict !== 'good') this.#bus.emit('store finding', finding)
      }
    } catch {
      // Whoever works with the store meets the same trouble, and tells it.
      this.#told = false
    }
  }
}
