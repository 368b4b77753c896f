/** What became of one run of a job. Decided by the worker, recorded by the store. */
import type { JobError } from './job.ts'

export type Outcome =
  /** `result` is encoded; null where the task keeps none. */
  | { readonly kind: 'succeeded'; readonly result: string | null }
  | { readonly kind: 'retry'; readonly error: JobError; readonly delayMs: number }
  | { readonly kind: 'failed'; readonly error: JobError }
  | { readonly kind: 'cancelled'; readonly error?: JobError }
  /**
   * Gives up its slot until all these jobs are final or `delayMs` is over, whichever comes first, and then goes on: it runs
   * again, before those that came after it and without another token of its rate. Where `on` names none it waits for its
   * time alone, and goes on before those that came after it fell asleep. Counts as no attempt.
   */
  | { readonly kind: 'wait'; readonly on: readonly string[]; readonly delayMs?: number }
