/**
 * What is asked of single jobs within one stretch of code, before anything else has its turn, goes to the store together: ten
 * thousand questions at once are a hundred calls, and nobody waits for a connection longer than the server works.
 */
import type { Store } from '../store/store.ts'

/** Few enough that nobody else waits long for the server meanwhile. */
const idsPerCall = 100

interface Batch<Answer> {
  readonly ids: Set<string>
  readonly answers: Promise<ReadonlyMap<string, Answer>>
  readonly send: () => void
}

export class Asking<Answer> {
  readonly #ask: (store: Store, ids: readonly string[]) => Promise<readonly Answer[]>
  #batch: Batch<Answer> | undefined

  /** `ask` answers for each id, in their order. */
  constructor(ask: (store: Store, ids: readonly string[]) => Promise<readonly Answer[]>) {
    this.#ask = ask
  }

  async about(store: Store, id: string): Promise<Answer> {
    // Asked twice, a question may have two answers.
    if (this.#batch?.ids.has(id)) this.#batch.send()
    const batch = (this.#batch ??= this.#begin(store))
    batch.ids.add(id)
    if (batch.ids.size >= idsPerCall) batch.send()

    return (await batch.answers).get(id)!
  }

  #begin(store: Store): Batch<Answer> {
    const ids = new Set<string>()
    const { promise: answers, resolve } = Promise.withResolvers<ReadonlyMap<string, Answer>>()
    const send = () => {
      if (this.#batch !== batch) return
      this.#batch = undefined
      resolve(this.#send(store, [...ids]))
    }
    const batch = { ids, answers, send }
    queueMicrotask(send)

    return batch
  }

  async #send(store: Store, ids: readonly string[]): Promise<ReadonlyMap<string, Answer>> {
    const answers = await this.#ask(store, ids)

    return new Map(ids.map((id, index) => [id, answers[index]!]))
  }
}
