/** How the command line fails: its own errors, and what each error means to the caller of a program. */
import { ErrandError } from '../errors.ts'

/** What a program can tell from how `errand` ended. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  store: 3,
  notFound: 4,
  jobFailed: 5,
  timedOut: 6,
  interrupted: 130,
} as const

/** The command was typed in a way that cannot be carried out. Nothing was done. */
export class UsageError extends ErrandError {
  readonly code = 'USAGE'
}

/** The file that defines the app cannot be found or used. */
export class AppError extends ErrandError {
  readonly code = 'APP'
}

/** Somebody pressed Ctrl-C while the command waited. */
export class InterruptedError extends ErrandError {
  readonly code = 'INTERRUPTED'

  constructor() {
    super('Interrupted.')
  }
}

const byCode: Readonly<Record<string, number>> = {
  USAGE: exitCodes.usage,
  INVALID_INPUT: exitCodes.usage,
  INVALID_OPTION: exitCodes.usage,
  UNKNOWN_OPTION: exitCodes.usage,
  NOT_STORABLE: exitCodes.usage,
  PAYLOAD_TOO_LARGE: exitCodes.usage,
  MOVE_REFUSED: exitCodes.usage,
  STORE_OPEN: exitCodes.store,
  STORE_UNSAFE: exitCodes.store,
  STORE_TOO_NEW: exitCodes.store,
  STORE_BUSY: exitCodes.store,
  STORE_FULL: exitCodes.store,
  STORE_AWAY: exitCodes.store,
  STORE_REFUSED: exitCodes.store,
  UNKNOWN_OUTCOME: exitCodes.store,
  JOB_NOT_FOUND: exitCodes.notFound,
  RESULT_GONE: exitCodes.notFound,
  UNKNOWN_TASK: exitCodes.notFound,
  SCHEDULE_NOT_FOUND: exitCodes.notFound,
  SIGNAL_NOT_FOUND: exitCodes.notFound,
  JOB_FAILED: exitCodes.jobFailed,
  JOB_CANCELLED: exitCodes.jobFailed,
  JOB_EXPIRED: exitCodes.jobFailed,
  RESULT_TIMEOUT: exitCodes.timedOut,
  INTERRUPTED: exitCodes.interrupted,
}

/** By code and not by class, since the app may have brought a copy of Errand of its own. */
export function exitCodeOf(error: unknown): number {
  return byCode[codeOf(error) ?? ''] ?? exitCodes.error
}

export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined

  return typeof code === 'string' ? code : undefined
}
