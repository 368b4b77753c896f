/** Errors of stores: away, busy, full, refusing, unsafe. */
import { ErrandError } from './error.ts'

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
  /** What is known all the same, in a sentence. */
  readonly known: string | undefined

  constructor(what: string, ids: readonly string[], cause: unknown, known?: string) {
    super(`${known ?? `No answer came to ${what}, so it may have happened.`} Repeating it with the same ids is safe.`, {
      cause,
    })
    this.ids = ids
    this.known = known
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

/** A caller's transaction that jobs cannot be enqueued or ended in. */
export class TransactionError extends ErrandError {
  readonly code = 'TRANSACTION'
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

/**
 * Whether a store that fails with this may answer the next time: its server is away or busy, or an answer got lost. By code and not
 * by class, since the store may come from another copy of Errand.
 */
export function mayPass(error: unknown): boolean {
  const { code, outcome } = (error ?? {}) as { code?: unknown; outcome?: unknown }

  return outcome === 'unknown' || code === 'STORE_BUSY' || code === 'STORE_AWAY'
}
