/** What whoever enqueued a workflow holds of it: the handle of its last step, and all of it where all is meant. */
import { StoredJob } from '../client/stored-job.ts'
import { cancelFound } from '../client/bulk.ts'
import { JobCancelledError, JobFailedError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { CancelAnswer } from '../store/store.ts'
import { workflowTag } from './note.ts'
import { rootError } from './resolve.ts'

const unfinished = ['scheduled', 'blocked', 'ready', 'running'] as const

export class WorkflowHandle extends StoredJob {
  readonly #runtime: Runtime

  constructor(runtime: Runtime, id: string) {
    super(runtime, id, undefined, false)
    this.#runtime = runtime
  }

  /** Where a step failed, and the last was cancelled because of it, that failure is thrown. */
  override async result(options?: Parameters<StoredJob['result']>[0]): Promise<any> {
    try {
      return await super.result(options)
    } catch (error) {
      const cause = error instanceof JobCancelledError && (await rootError(await this.#runtime.open(), this.id))
      throw cause ? new JobFailedError(cause.id, cause.error) : error
    }
  }

  /** Every step that has not ended, wherever it stands. */
  override async cancel(): Promise<CancelAnswer> {
    const store = await this.#runtime.open()
    // The last one first: what waits is then cancelled by this, and not because of another.
    const answer = await super.cancel()
    await cancelFound(store, { tag: workflowTag(this.id), states: unfinished }, {})
    return answer
  }
}
