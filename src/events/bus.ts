/** Hands events to those who listen, one after the other, never into the runtime's way. */
import type { EventName, Events, Listener } from './events.ts'

export class Bus {
  readonly #listeners = new Map<EventName, Listener<any>[]>()

  /** Listens until the function it gives is called. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])

    return () => {
      const others = (this.#listeners.get(name) ?? []).filter((each) => each !== listener)
      if (others.length > 0) this.#listeners.set(name, others)
      else this.#listeners.delete(name)
    }
  }

  /** Whether anyone listens: ask before making an event. */
  hears(name: EventName): boolean {
    return this.#listeners.has(name)
  }

  emit<Name extends EventName>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const late = listener(event)
        if (late instanceof Promise) late.catch((error: unknown) => this.#trouble(name, error))
      } catch (error) {
        this.#trouble(name, error)
      }
    }
  }

  #trouble(name: EventName, error: unknown): void {
    if (name !== 'error') this.emit('error', { error, during: `a listener of "${name}"` })
  }
}
