/** Errors inside handlers: what they are told, what they may throw, and how a run ends that did not end itself. */
import { ErrandError, shown } from './error.ts'

/** A handler awaits a job that could only run in the slot, or in the line, that the handler itself holds. */
export class WouldDeadlockError extends ErrandError {
  readonly code = 'WOULD_DEADLOCK'

  constructor(id: string, held: { readonly queue: string } | { readonly order: string }) {
    super(
      'queue' in held
        ? `Awaiting the job ${shown(id)} here could wait for ever: it runs in queue "${held.queue}", whose slots this handler holds one of. ` +
            `Use \`onSucceeded\`, \`job.followUp\`, or a queue of its own for what is awaited.`
        : `Running ${shown(id)} here would wait for ever: a job of it stands in the line "${held.order}", which this handler's own job holds ` +
            `until it has ended. Nothing was enqueued. Use \`onSucceeded\` or \`job.followUp\`, which come after it.`,
    )
  }
}

/** `currentJob()` was called outside any handler, or in one that runs for many jobs. */
export class NoJobError extends ErrandError {
  readonly code = 'NO_JOB'

  constructor(batchOf?: number) {
    super(
      batchOf === undefined
        ? 'There is no current job: `currentJob()` works inside a handler and in what it calls.'
        : `There is no one current job: this handler runs for a batch of ${batchOf}. Use the \`job\` of the item it is about.`,
    )
  }
}

/** The handler ran longer than its timeout. */
export class JobTimeoutError extends ErrandError {
  readonly code = 'JOB_TIMEOUT'

  constructor(task: string, ms: number) {
    super(`"${task}" ran longer than its timeout of ${ms} ms. Watch \`job.signal\` to end early, or raise \`timeout\`.`)
  }
}

/** The worker has not heard from the store for most of its lease, so another may run this job soon. The reason of `job.signal`. */
export class LeaseLostError extends ErrandError {
  readonly code = 'LEASE_LOST'

  constructor() {
    super(
      'This worker has not heard from the store for most of its lease, so another may run this job soon. End: it runs again, without counting an attempt.',
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

/**
 * The worker is stopping and its grace time is over. The reason of `job.signal`, and the kept error of a job with
 * `delivery: 'once'` that was interrupted so.
 */
export class WorkerStoppingError extends ErrandError {
  readonly code = 'WORKER_STOPPING'

  constructor(once = false) {
    super(
      `The worker is stopping and its grace time is over. ` +
        (once
          ? 'The job must not run twice, so it is not given back: unless it still succeeds, it ends failed.'
          : 'The job is given back and will run again.'),
    )
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

/** A handler builds a flow of `job.run` otherwise than the run before, which ended while the flow went into the store. */
export class FlowChangedError extends ErrandError {
  readonly code = 'FLOW_CHANGED'

  constructor(task: string, name: string) {
    super(
      `The handler of "${task}" builds the flow "${name}" otherwise than in the run before, which ended when only a part of it was in ` +
        `the store; so it cannot be completed, and nothing of it runs. Build a flow from what every run finds the same: the job's ` +
        `input, and results of \`job.step\`. Then enqueue the job anew.`,
    )
  }
}

/** A flow of `job.run` took longer than its `timeout`, and was cancelled. */
export class FlowTimeoutError extends ErrandError {
  readonly code = 'FLOW_TIMEOUT'

  constructor(task: string, name: string) {
    super(
      `The flow "${name}" that the handler of "${task}" runs took longer than its timeout and was cancelled. Catch this error to go on ` +
        `without its result. To give it its time anew, retry the workflow (\`errand workflows retry <id>\`), and not this job alone.`,
    )
  }
}

/** The kept error of an attempt whose batch was not answered as it must be: one answer for each item, in their order. */
export class BatchAnswerError extends ErrandError {
  readonly code = 'BATCH_ANSWER'

  constructor(task: string, got: string) {
    super(
      `The handler of the batch task "${task}" gave ${got}. It must give one answer for each item, in their order: ` +
        `\`{ ok: result }\` or \`{ error }\`. What it did for the items may be done already when they are tried again.`,
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
