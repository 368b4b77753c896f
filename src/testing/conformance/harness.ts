import type { ManualEnv } from '../manual-env.ts'
import type { Store } from '../../store/store.ts'

/** What the suite needs from an engine. */
export interface StoreHarness {
  readonly name: string
  /** Opens an empty store. */
  open(env: ManualEnv): Promise<Store>
  /** Opens another handle on the data of a store that `open` gave, which may be closed by now. For engines that are shared. */
  again?(store: Store, env: ManualEnv): Promise<Store>
  /** Begins a transaction of an application's own on the data of a store. For engines with `insertWith` and `settleWith`. */
  transaction?(store: Store): Promise<CallersTransaction>
  /** Called once, when all tests are over. */
  cleanup?(): Promise<void>
}

export interface CallersTransaction {
  /** What goes to the store as its `transaction`. */
  readonly tx: unknown
  commit(): Promise<void>
  rollback(): Promise<void>
}
