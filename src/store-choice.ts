/** Which store an app keeps its jobs in: as its options say, or another one until it is first used. */
import type { Env } from './env.ts'
import { StoreOpenError } from './errors.ts'
import { checkStore, inspectServerAt, missingAt, openStore, placeOf, type StoreOpener } from './store/open.ts'
import type { Inspection, Store } from './store/store.ts'

export class StoreChoice {
  #store: string | StoreOpener | Store
  #used = false

  /** @throws InvalidOptionError for what can be no store */
  constructor(store: string | StoreOpener | Store) {
    this.#store = checkStore(store)
  }

  get place(): string {
    return placeOf(this.#store)
  }

  /** @throws StoreOpenError once it is used */
  change(store: string | StoreOpener | Store): void {
    if (this.#used) {
      throw new StoreOpenError(
        `The store ${this.place} is in use already, so it is too late for another. Open it later: not while modules are loaded.`,
      )
    }
    this.#store = store
  }

  async open(env: Env): Promise<Store> {
    this.#used = true
    const store = await openStore(this.#store, env)
    // Engines open at their first call, which may not be one inside a caller's transaction.
    await store.get([])

    return store
  }

  /** What is missing where no store is there yet, in a sentence. */
  async missing(): Promise<string | undefined> {
    return this.#used ? undefined : missingAt(this.#store)
  }

  /** What can be said of the server where its store is not there yet. */
  inspectServer(): Promise<Inspection[]> {
    return inspectServerAt(this.#store)
  }
}
