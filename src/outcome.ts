/** What became of one run of a job. Decided by the worker, recorded by the store. */
import type { JobError } from './job.ts'

export type Outcome =
  /** `result` is encoded; null where the task keeps none. */
  | { readonly kind: 'succeeded'; readonly result: string | null }
  | { readonly kind: 'retry'; readonly error: JobError; readonly delayMs: number }
  | { readonly kind: 'failed'; readonly error: JobError }
  | { readonly kind: 'cancelled'; readonly error?: JobError }
  /** Gives up its slot until these jobs are final, then runs again. Counts as no attempt. */
  | { readonly kind: 'wait'; readonly on: readonly string[] }
