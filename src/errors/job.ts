/** Errors of asking for a job, a schedule or a result. */
import type { JobError } from '../job.ts'
import { ErrandError, shown } from './error.ts'

/** No job has this id. */
export class JobNotFoundError extends ErrandError {
  readonly code = 'JOB_NOT_FOUND'

  constructor(id: string) {
    super(
      `No job has the id ${shown(id)}. Check the id and the store: it may have been removed, or enqueued somewhere else.`,
    )
  }
}

/** No step of the workflow waits for this signal. */
export class SignalNotFoundError extends ErrandError {
  readonly code = 'SIGNAL_NOT_FOUND'

  constructor(name: string, workflow: string, nearest: string | undefined, known: readonly string[]) {
    super(
      `No step of the workflow ${shown(workflow)} waits for the signal ${shown(name)}. Nothing was done. ` +
        (nearest !== undefined
          ? `Did you mean "${nearest}"?`
          : known.length > 0
            ? `It waits for: ${known.join(', ')}.`
            : 'It waits for none, or a handler has yet to start the part that does.'),
    )
  }
}

/** No schedule of the store has this name. */
export class ScheduleNotFoundError extends ErrandError {
  readonly code = 'SCHEDULE_NOT_FOUND'

  constructor(name: string, nearest: string | undefined) {
    super(
      `No schedule is named ${shown(name)}. ` +
        (nearest
          ? `Did you mean "${nearest}"?`
          : 'Those that code declares come into the store when a worker or a beat starts.'),
    )
  }
}

/** A tick enqueued nothing: the store refused its job. Told as an `error` event. */
export class TickRefusedError extends ErrandError {
  readonly code = 'TICK_REFUSED'

  constructor(schedule: string, tick: Date) {
    super(
      `The tick of the schedule ${shown(schedule)} at ${tick.toISOString()} enqueued nothing: the store refused its job, ` +
        `since another one has its unique key or its id. The schedule goes on with its next tick.`,
    )
  }
}

/** The job ended and was deleted when its retention was over. */
export class ResultGoneError extends ErrandError {
  readonly code = 'RESULT_GONE'

  constructor(id: string) {
    super(
      `The job ${shown(id)} is no longer here: it ended and was deleted after its retention, or it was moved to another store. ` +
        `Read results sooner, keep them longer with \`keep\`, or look where the jobs were moved.`,
    )
  }
}

/** The job had not ended when the timeout of `result` was over. It goes on. */
export class ResultTimeoutError extends ErrandError {
  readonly code = 'RESULT_TIMEOUT'

  constructor(id: string, ms: number) {
    super(`The job ${shown(id)} had not ended after ${ms} ms. It goes on; ask again, or wait longer.`)
  }
}

/** The job ended failed. `name`, `message`, `stack` and `errorCode` are the handler's own. */
export class JobFailedError extends ErrandError {
  readonly code = 'JOB_FAILED'
  readonly jobId: string
  /** The error as the job kept it. */
  readonly error: JobError
  /** The code of the handler's own error, if it had one. */
  readonly errorCode: string | undefined

  constructor(jobId: string, error: JobError) {
    super(error.message)
    this.jobId = jobId
    this.error = error
    this.errorCode = error.code
    this.name = error.name
    if (error.stack) this.stack = error.stack
  }
}

/** The job was cancelled, so it has no result. `cause`: the failure of a job that had to succeed before it, if that is why. */
export class JobCancelledError extends ErrandError {
  readonly code = 'JOB_CANCELLED'

  constructor(id: string, cause?: JobFailedError) {
    super(
      `The job ${shown(id)} was cancelled, so it has no result` +
        (cause ? `: ${shown(cause.jobId)} had to succeed before it, and did not. ${cause.message}` : '.'),
      cause && { cause },
    )
  }
}

/** The job was not started in time, so it has no result. */
export class JobExpiredError extends ErrandError {
  readonly code = 'JOB_EXPIRED'

  constructor(id: string) {
    super(`The job ${shown(id)} was not started before it expired, so it has no result.`)
  }
}
