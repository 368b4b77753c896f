/** Wraps enqueueing and running: for tracing, tenants, database sessions, and whatever every job needs. */
import type { Priority } from '../job.ts'
import type { JobContext } from './context.ts'

/** A job about to be enqueued. Fields that are not read-only may be changed. */
export interface DraftJob {
  readonly id: string
  readonly task: string
  readonly input: unknown
  queue: string
  priority: Priority
  tags: string[]
  metadata: Record<string, unknown>
}

/** Both parts may be left out. `Fields` are what `run` adds to the context of every handler. */
export interface Middleware<Fields extends object = {}> {
  /** Around each enqueueing. What it throws, the caller of `enqueue` gets, and nothing is enqueued. */
  enqueue?(jobs: readonly DraftJob[], next: () => Promise<void>): Promise<void>
  /** Around each run. `next` takes the fields to add to the job's context, runs the handler, and gives its result. */
  run?(job: JobContext, next: (fields: Fields) => Promise<unknown>): Promise<unknown>
}
