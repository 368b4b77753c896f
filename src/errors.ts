/**
 * Every error of Errand. Branch on the class or on `code`, never on the text; each
 * code has its heading in docs/reference/errors.md.
 */
import type { JobError } from './job.ts'

export abstract class ErrandError extends Error {
  abstract readonly code: string
  /** 'unknown' where the request may have been carried out although no answer came. Repeating it with the same ids is safe. */
  readonly outcome: 'none' | 'unknown' = 'none'

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** A value as it reads in a message: short, quoted, never an object's insides. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (value !== null && typeof value === 'object')
    return Array.isArray(value) ? 'an array' : `a ${value.constructor?.name ?? 'object'}`
  return String(value)
}

/** An option has a value that cannot be used. */
export class InvalidOptionError extends ErrandError {
  readonly code = 'INVALID_OPTION'

  constructor(where: string, value: unknown, expected: string) {
    super(`Expected ${where} to be ${expected}, got ${shown(value)}.`)
  }
}

/** An option that does not exist. */
export class UnknownOptionError extends ErrandError {
  readonly code = 'UNKNOWN_OPTION'

  constructor(option: string, where: string, nearest: string | undefined, known: readonly string[]) {
    super(
      `Unknown option "${option}" in ${where}. ` +
        (nearest ? `Did you mean "${nearest}"?` : `It takes: ${known.join(', ')}.`),
    )
  }
}

/** Two tasks have the same name. */
export class DuplicateTaskError extends ErrandError {
  readonly code = 'DUPLICATE_TASK'

  constructor(task: string) {
    super(
      `A task named "${task}" is defined already. Task names are how stored jobs find their handler, so each must be ` +
        `used once. Rename one of them; if the same module is loaded twice, import it by one path.`,
    )
  }
}

/** A task name that this process does not know. */
export class UnknownTaskError extends ErrandError {
  readonly code = 'UNKNOWN_TASK'

  constructor(task: string, known: readonly string[], nearest?: string) {
    super(
      `No task named "${task}" is defined in this process. ` +
        (nearest ? `Did you mean "${nearest}"? ` : '') +
        `It has: ${known.join(', ') || 'none'}. Import the module that defines "${task}" first.`,
    )
  }
}

/** A worker was started with nothing to run, `handle` was called for a task that has a handler, or a middleware never called `next`. */
export class HandlerError extends ErrandError {
  readonly code = 'HANDLER'
}

/** The input does not fit the task's schema. */
export class InvalidInputError extends ErrandError {
  readonly code = 'INVALID_INPUT'
  readonly issues: readonly { readonly path: string; readonly message: string }[]

  constructor(task: string, issues: readonly { readonly path: string; readonly message: string }[]) {
    const listed = issues.slice(0, 5).map(({ path, message }) => (path ? `${path}: ${message}` : message))
    const rest = issues.length > 5 ? ` and ${issues.length - 5} more` : ''
    super(
      `The input of "${task}" does not fit its schema: ${listed.join('; ')}${rest}. Nothing was enqueued or run with it.`,
    )
    this.issues = issues
  }
}

/** What a handler returned does not fit the task's output schema. */
export class InvalidResultError extends ErrandError {
  readonly code = 'INVALID_RESULT'

  constructor(task: string, issues: readonly { readonly path: string; readonly message: string }[]) {
    const listed = issues.slice(0, 5).map(({ path, message }) => (path ? `${path}: ${message}` : message))
    super(
      `What the handler of "${task}" returned does not fit its output schema: ${listed.join('; ')}. The job failed; correct the handler.`,
    )
  }
}

/** A value that would not come back from the store as it went in. */
export class NotStorableError extends ErrandError {
  readonly code = 'NOT_STORABLE'

  constructor(path: string, what: string) {
    super(`Cannot store ${path}: it is ${what}, and stored values are plain JSON. Convert it before handing it over.`)
  }
}

/** An input, result or metadata larger than the app allows. */
export class PayloadTooLargeError extends ErrandError {
  readonly code = 'PAYLOAD_TOO_LARGE'

  constructor(what: string, bytes: number, limit: number) {
    super(
      `${what} has ${bytes} bytes, more than the ${limit} allowed. Store large data in a file or object store and pass its ` +
        `name, or raise \`payloadBytes\`.`,
    )
  }
}

/** The id you gave belongs to a job with another task or input. */
export class IdConflictError extends ErrandError {
  readonly code = 'ID_CONFLICT'

  constructor(id: string) {
    super(
      `A job with the id ${shown(id)} exists already, with another task or input. Nothing was enqueued. Use a new id, or send the same input.`,
    )
  }
}

/** A job to wait for that is not in the store. */
export class UnknownDependencyError extends ErrandError {
  readonly code = 'UNKNOWN_DEPENDENCY'

  constructor(id: string) {
    super(
      `Cannot wait for the job ${shown(id)}: it is not in the store. Nothing was enqueued. Enqueue it first, or check the id.`,
    )
  }
}

/** No job has this id. */
export class JobNotFoundError extends ErrandError {
  readonly code = 'JOB_NOT_FOUND'

  constructor(id: string) {
    super(
      `No job has the id ${shown(id)}. Check the id and the store: it may have been removed, or enqueued somewhere else.`,
    )
  }
}

/** Code declares two schedules with the same name. */
export class DuplicateScheduleError extends ErrandError {
  readonly code = 'DUPLICATE_SCHEDULE'

  constructor(name: string) {
    super(
      `A schedule named "${name}" is declared already. Its name is how the store knows it again, so give each its own.`,
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

/** The job was cancelled, so it has no result. */
export class JobCancelledError extends ErrandError {
  readonly code = 'JOB_CANCELLED'

  constructor(id: string) {
    super(`The job ${shown(id)} was cancelled, so it has no result.`)
  }
}

/** The job was not started in time, so it has no result. */
export class JobExpiredError extends ErrandError {
  readonly code = 'JOB_EXPIRED'

  constructor(id: string) {
    super(`The job ${shown(id)} was not started before it expired, so it has no result.`)
  }
}

/** A handler awaits a job that could only run in the slot the handler itself holds. */
export class WouldDeadlockError extends ErrandError {
  readonly code = 'WOULD_DEADLOCK'

  constructor(id: string, queue: string) {
    super(
      `Awaiting the job ${shown(id)} here could wait for ever: it runs in queue "${queue}", whose slots this handler holds one of. ` +
        `Use \`onSucceeded\`, \`job.followUp\`, or a queue of its own for what is awaited.`,
    )
  }
}

/** `currentJob()` was called outside any handler. */
export class NoJobError extends ErrandError {
  readonly code = 'NO_JOB'

  constructor() {
    super('There is no current job: `currentJob()` works inside a handler and in what it calls.')
  }
}

/** The handler ran longer than its timeout. */
export class JobTimeoutError extends ErrandError {
  readonly code = 'JOB_TIMEOUT'

  constructor(task: string, ms: number) {
    super(`"${task}" ran longer than its timeout of ${ms} ms. Watch \`job.signal\` to end early, or raise \`timeout\`.`)
  }
}

/** The worker was silent for longer than its lease, so another may run this job by now. The reason of `job.signal`. */
export class LeaseLostError extends ErrandError {
  readonly code = 'LEASE_LOST'

  constructor() {
    super(
      'This worker was silent for longer than its lease, so its jobs were given to others. What this run still does is not recorded.',
    )
  }
}

/** `job.succeed` was called by a run that may not end its job any more. Nothing was written; roll the transaction back. */
export class ClaimLostError extends ErrandError {
  readonly code = 'CLAIM_LOST'

  constructor(id: string) {
    super(
      `This run no longer holds the job ${shown(id)}: it has run out of its timeout, was given to another worker, or has ended already. ` +
        `Nothing of it was written; roll your transaction back, so that what it did is undone as well.`,
    )
  }
}

/** The kept error of an attempt that called `job.succeed` in a transaction that was not committed. */
export class RolledBackError extends ErrandError {
  readonly code = 'ROLLED_BACK'

  constructor(task: string) {
    super(
      `The handler of "${task}" called \`job.succeed\` in a transaction that was not committed before the handler ended, so the ` +
        `job has not succeeded. Commit it, and await that, before the handler returns.`,
    )
  }
}

/** Said to a job after `job.succeed`, when nothing can be added to it. */
export class AlreadySucceededError extends ErrandError {
  readonly code = 'ALREADY_SUCCEEDED'

  constructor(what: string) {
    super(
      `${what} came after \`job.succeed\`, which has ended the job as far as this run is concerned. Say it before: it is written in ` +
        `the same transaction.`,
    )
  }
}

/** The worker is stopping and its grace time is over. The reason of `job.signal`. */
export class WorkerStoppingError extends ErrandError {
  readonly code = 'WORKER_STOPPING'

  constructor() {
    super('The worker is stopping and its grace time is over. The job is given back and will run again.')
  }
}

/** The kept error of a job whose worker went silent three times while holding it, or once with `delivery: 'once'`. */
export class WorkerLostError extends ErrandError {
  readonly code = 'WORKER_LOST'

  constructor(crashes: number) {
    super(
      `The worker that held this job went silent ${crashes === 1 ? 'once' : `${crashes} times`}. ` +
        (crashes === 1
          ? 'It must not run twice, so it was not tried again.'
          : 'It may be what kills its workers, so it was not tried again.'),
    )
  }
}

/** Thrown by a handler: fails the job at once, whatever attempts are left. */
export class Fatal extends ErrandError {
  readonly code = 'FATAL'
}

/** Thrown by a handler: tries again after this long, if attempts are left. */
export class RetryAfter extends ErrandError {
  readonly code = 'RETRY_AFTER'
  readonly delay: number | string

  constructor(
    delay: number | string,
    message = `Asked to be tried again after ${delay}.`,
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.delay = delay
  }
}

/** Thrown by a handler: ends the job as cancelled. Also the reason of `job.signal` when somebody cancels. */
export class Cancelled extends ErrandError {
  readonly code = 'CANCELLED'

  constructor(message = 'The job was cancelled.') {
    super(message)
  }
}

/** Others kept the store busy for too long. Nothing has happened; repeat it. */
export class StoreBusyError extends ErrandError {
  readonly code = 'STORE_BUSY'

  /** @param said the server's own words, where there is a server */
  constructor(waitedMs: number, said?: string, options?: { cause?: unknown }) {
    const advice = said === undefined ? 'try again, or let fewer processes write at once' : 'try again in a moment'
    super(
      `The store was busy for ${Math.round(waitedMs)} ms${said === undefined ? '' : ` ("${said}")`}. Nothing has happened; ${advice}.`,
      options,
    )
  }
}

/** The store's server could not be reached. Nothing has happened; repeat it when the server is back. */
export class StoreAwayError extends ErrandError {
  readonly code = 'STORE_AWAY'

  /** @param where the server, without its password @param why the last failure to connect @param options.advice what to do */
  constructor(where: string, waitedMs: number, why: string, options: { cause?: unknown; advice?: string } = {}) {
    const { advice = 'try again when the server is back, or wait longer with `waitForServer`' } = options
    super(
      `Cannot reach the store at ${where}, tried for ${Math.round(waitedMs)} ms: ${why}. Nothing has happened; ${advice}.`,
      options,
    )
  }
}

/** The store's server refused what it was asked, and would again. Nothing has happened. */
export class StoreRefusedError extends ErrandError {
  readonly code = 'STORE_REFUSED'

  /** @param said the server's own words */
  constructor(where: string, said: string, advice: string, options?: { cause?: unknown }) {
    super(`The store at ${where} refused: "${said}". Nothing has happened. ${advice}`, options)
  }
}

/** The store has no room left. Nothing new is taken; running jobs can still end. */
export class StoreFullError extends ErrandError {
  readonly code = 'STORE_FULL'

  constructor(where: string) {
    super(
      `There is no room left at ${where}. Nothing was enqueued; running jobs can still end. Free some space and enqueue again.`,
    )
  }
}

/** The store cannot be opened. */
export class StoreOpenError extends ErrandError {
  readonly code = 'STORE_OPEN'
}

/** The store, or where it stands, would break what Errand promises. */
export class StoreUnsafeError extends ErrandError {
  readonly code = 'STORE_UNSAFE'
}

/** The store was written by a newer version. */
export class StoreTooNewError extends ErrandError {
  readonly code = 'STORE_TOO_NEW'

  constructor(where: string, found: number, known: number) {
    super(
      `The store at ${where} is at schema ${found}, and this version understands up to ${known}. Upgrade this process, or ` +
        `restore an older copy of the store; running on would damage jobs.`,
    )
  }
}

/** Errand was closed before or while this was asked. */
export class StoreClosedError extends ErrandError {
  readonly code = 'STORE_CLOSED'

  constructor() {
    super('The store is closed. Make a new `Errand`, or close it later.')
  }
}

/** The engine gave no answer; what was asked may have happened. `ids` says which jobs it was about. */
export class UnknownOutcomeError extends ErrandError {
  readonly code = 'UNKNOWN_OUTCOME'
  override readonly outcome = 'unknown'
  readonly ids: readonly string[]

  constructor(what: string, ids: readonly string[], cause: unknown) {
    super(`No answer came to ${what}, so it may have happened. Repeating it with the same ids is safe.`, { cause })
    this.ids = ids
  }
}

/** Enqueueing many failed after some had gone in. `cause` says why; the jobs of `ids` are there. */
export class PartlyEnqueuedError extends ErrandError {
  readonly code = 'PARTLY_ENQUEUED'
  /** 'unknown' where the jobs right after those may have gone in as well: look for them before you send the rest. */
  override readonly outcome: 'none' | 'unknown'
  /** In the order of the inputs: the first `ids.length` of them. */
  readonly ids: readonly string[]

  constructor(ids: readonly string[], total: number, cause: unknown) {
    const outcome = cause instanceof ErrandError ? cause.outcome : 'none'
    super(
      outcome === 'none'
        ? `Only the first ${ids.length} of ${total} jobs were enqueued. See \`cause\` for why; send the rest again.`
        : `The first ${ids.length} of ${total} jobs were enqueued, and perhaps those that \`cause\` names. The rest was not.`,
      { cause },
    )
    this.outcome = outcome
    this.ids = ids
  }
}

/** Jobs cannot be moved between these two stores, or not now. Nothing was moved. */
export class MoveRefusedError extends ErrandError {
  readonly code = 'MOVE_REFUSED'
}

/** An id belongs to one job in the source of a move and to another one in its destination. Both are where they were. */
export class MoveConflictError extends ErrandError {
  readonly code = 'MOVE_CONFLICT'
  readonly ids: readonly string[]

  constructor(ids: readonly string[], from: string, to: string) {
    const [first = ''] = ids
    super(
      `${ids.length === 1 ? 'A job' : `${ids.length} jobs`} of ${from} cannot be moved, since other jobs have the same ids in ${to}: ` +
        `${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}. Look at both with \`errand jobs show ${first}\`, remove one of them, ` +
        `and start the move again; what was moved before has arrived.`,
    )
    this.ids = ids
  }
}

/** A caller's transaction that jobs cannot be enqueued or ended in. */
export class TransactionError extends ErrandError {
  readonly code = 'TRANSACTION'
}

/** A step of a workflow needs the result of a job that has none: it did not succeed, or was removed. */
export class MissingResultError extends ErrandError {
  readonly code = 'MISSING_RESULT'

  constructor(id: string) {
    super(
      `The result of job ${id} is part of this step's input, and there is none: the job did not succeed, or was removed. ` +
        `Retry that job first, then this one.`,
    )
  }
}

/** A handler used one name for two of its steps: `job.step`, `job.run` and `job.sleep` find their results by it. */
export class DuplicateStepError extends ErrandError {
  readonly code = 'DUPLICATE_STEP'

  constructor(task: string, name: string) {
    super(
      `The handler of "${task}" used the step name "${name}" twice in one run. The result of a step is found by its name when the ` +
        `job runs again, so give each its own: in a loop, with the item's key in it.`,
    )
  }
}
