/** Errors of what was given: options, declarations, inputs, results. */
import { ErrandError, shown } from './error.ts'

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
      `No task named ${shown(task)} is defined in this process. ` +
        (nearest ? `Did you mean "${nearest}"? ` : '') +
        `It has: ${known.join(', ') || 'none'}. Import the module that defines it first.`,
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

/** A worker was started with nothing to run, `handle` was called for a task that has a handler, or a middleware never called `next`. */
export class HandlerError extends ErrandError {
  readonly code = 'HANDLER'
}

/** The input does not fit the task's schema. */
export class InvalidInputError extends ErrandError {
  readonly code = 'INVALID_INPUT'
  readonly issues: readonly { readonly path: string; readonly message: string }[]

  constructor(
    task: string,
    issues: readonly { readonly path: string; readonly message: string }[],
    what = `input of "${task}"`,
  ) {
    const listed = issues.slice(0, 5).map(({ path, message }) => (path ? `${path}: ${message}` : message))
    const rest = issues.length > 5 ? ` and ${issues.length - 5} more` : ''
    super(`The ${what} does not fit its schema: ${listed.join('; ')}${rest}. Nothing was enqueued or run with it.`)
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
