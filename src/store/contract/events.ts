/** What is told to listeners. Part of the store contract; import it from store.ts. */
import type { FinalState, JobError, JobState, StoredLine, Progress } from '../../job.ts'
import type { JobRecord } from './records.ts'

/** Which jobs: everything given must hold, and all of them where nothing is. */
export interface EventFilter {
  readonly ids?: readonly string[]
  readonly tasks?: readonly string[]
  readonly queues?: readonly string[]
}

/** `given back` and `rescued`: another worker gets it. `changed`: by hand, while it waited. */
export type JobEventKind =
  | 'enqueued'
  | 'started'
  | 'progress'
  | 'log'
  | 'retrying'
  | 'given back'
  | 'rescued'
  | 'cancelling'
  | 'changed'
  | 'ready'
  | 'blocked'
  | FinalState
  | 'retried'
  | 'removed'

export interface JobEvent {
  readonly kind: JobEventKind
  readonly at: number
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly state: JobState
  readonly attempt: number
  readonly progress?: Progress
  readonly line?: StoredLine
  /** With `retrying`, and where it ended by one. */
  readonly error?: JobError
  readonly redact?: readonly string[]
}

export type StoreEvent =
  | { readonly kind: 'snapshot'; readonly jobs: readonly JobRecord[] }
  | { readonly kind: 'lost' }
  | { readonly kind: 'job'; readonly event: JobEvent }
