/** What an app can be told, and what it does when told nothing. */
import type { Env } from './env.ts'
import type { StoreOpener } from './store/open.ts'
import type { Store } from './store/store.ts'
import type { QueueOptions } from './task/limits.ts'

/** What an app can be told. All of it may be left out. */
export interface ErrandOptions {
  /**
   * Where jobs are kept: `memory:`, `sqlite:` and the path of a file, `redis://` and a host, `postgres://` with a
   * host and a database, what `redisStore` or `postgresStore` gives, or a store of your own.
   * @default the environment's ERRAND_STORE, else 'sqlite:errand.db'
   */
  store?: string | StoreOpener | Store
  /** The queue of tasks that neither name one nor fit a route. @default 'default' */
  queue?: string
  /** Queues by task name, `*` standing for anything; the first that fits counts: `{ 'email.*': 'email' }`. */
  routes?: Readonly<Record<string, string>>
  /** Limits of whole queues, for all their jobs together: `{ email: { limit: { concurrency: 3, rate: '10/s' } } }`. */
  queues?: Readonly<Record<string, QueueOptions>>
  /** The most bytes of one input, result or metadata, encoded. @default 1_048_576 */
  payloadBytes?: number
  /** Clocks, timers and chance, for tests. */
  env?: Env
}

/** What holds where `ErrandOptions` say nothing. */
export const errandDefaults = { store: 'sqlite:errand.db', queue: 'default', payloadBytes: 1_048_576 } as const

export const errandOptionNames: readonly string[] = [
  'store',
  'queue',
  'routes',
  'queues',
  'payloadBytes',
  'env',
] satisfies readonly (keyof ErrandOptions)[]
