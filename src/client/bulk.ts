/** What can be done to all jobs that a query finds. */
import type { JobQuery, Store } from '../store/store.ts'
import { forEachFound, type BulkAnswer, type BulkOptions } from './queries.ts'

export const cancelFound = (store: Store, query: JobQuery, options: BulkOptions): Promise<BulkAnswer> =>
  forEachFound(
    store,
    query,
    options,
    (ids) => store.cancel(ids),
    (answer) => answer === 'cancelled' || answer === 'cancelling',
  )

export const retryFound = (store: Store, query: JobQuery, options: BulkOptions): Promise<BulkAnswer> =>
  forEachFound(
    store,
    query,
    options,
    // Oldest first: a job that waits for another blocks again when that one is retried before it.
    (ids) => store.retry(ids.toReversed()),
    (answer) => answer === 'retried',
  )

export const removeFound = (store: Store, query: JobQuery, options: BulkOptions): Promise<BulkAnswer> =>
  forEachFound(
    store,
    query,
    options,
    (ids) => store.remove(ids),
    (answer) => answer === 'removed',
  )
