/** A task with its input already given: what a schedule enqueues, and what workflows are made of. */
import type { EnqueueOptions } from '../client/enqueue-options.ts'

/** `Missing` is what whoever enqueues it must still supply, `Result` what it gives. */
export interface Step<Missing, Result> {
  readonly task: string
  readonly input: unknown
  readonly options: EnqueueOptions | undefined
  /** For the types only. */
  readonly '~missing'?: (missing: Missing) => void
  /** For the types only. */
  readonly '~result'?: () => Result
}
