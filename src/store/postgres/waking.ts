/** Wakes sleeping workers once what brought them work is committed: never two wakings at a time, and none is forgotten. */
import type { Statements } from './statements.ts'

export class Waking {
  readonly #statements: Statements
  readonly #queues = new Set<number>()
  #going: Promise<void> | undefined

  readonly #here: (queue: number) => void

  /** `here` wakes those of this process. */
  constructor(statements: Statements, here: (queue: number) => void) {
    this.#statements = statements
    this.#here = here
  }

  /** Workers that are not told look by themselves within a second, so a failure here is nobody's. */
  readonly wake = (queues: readonly number[]): void => {
    for (const queue of queues) {
      this.#here(queue)
      this.#queues.add(queue)
    }
    if (this.#queues.size > 0) this.#going ??= this.#go()
  }

  async idle(): Promise<void> {
    while (this.#going) await this.#going
  }

  async #go(): Promise<void> {
    while (this.#queues.size > 0) {
      const queues = [...this.#queues]
      this.#queues.clear()
      await this.#statements.all('select errand.wake($1)', [queues], { name: 'errand_wake' }).catch(() => {})
    }
    this.#going = undefined
  }
}
