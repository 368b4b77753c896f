/** What can be done to all jobs that a query finds. */
import type { Runtime } from '../runtime.ts'
import type { Store } from '../store/store.ts'
import { forEachFound, storeQuery, type BulkAnswer, type BulkOptions, type JobsQuery } from './queries.ts'

type Act = (store: Store, ids: string[]) => Promise<string[]>

const eachFound =
  (act: Act, ...done: readonly string[]) =>
  async (runtime: Runtime, query: JobsQuery, options: BulkOptions = {}): Promise<BulkAnswer> => {
    const store = await runtime.open()
    const found = storeQuery(query, runtime.env.now())

    return forEachFound(
      store,
      found,
      options,
      (ids) => act(store, ids),
      (answer) => done.includes(answer),
    )
  }

type Bulk = (runtime: Runtime, query: JobsQuery, options?: BulkOptions) => Promise<BulkAnswer>

export const cancelFound: Bulk = eachFound((store, ids) => store.cancel(ids), 'cancelled', 'cancelling')

/** Oldest first: a job that waits for another blocks again when that one is retried before it. */
export const retryFound: Bulk = eachFound((store, ids) => store.retry(ids.toReversed()), 'retried')

export const removeFound: Bulk = eachFound((store, ids) => store.remove(ids), 'removed')
