/**
 * What can go wrong with somebody's data. Branch on the class or on `code`, never on the text. The first two are
 * about what was handed in: trying again changes nothing, so the wrapping error says `retryable: false` for them.
 */

/** An uploaded file, or one record of it, cannot be read. The message names the line or the record. */
export class InvalidUploadError extends Error {
  readonly code = 'INVALID_UPLOAD'
  override readonly name = 'InvalidUploadError'
}

/** Filters, or the kind of processing or output asked for, make no sense. */
export class InvalidRequestError extends Error {
  readonly code = 'INVALID_DATA_REQUEST'
  override readonly name = 'InvalidRequestError'
  /** The keys that lead to what makes no sense, where it is one place of the filters. */
  readonly path: readonly string[]

  constructor(message: string, path: readonly string[] = []) {
    super(message)
    this.path = path
  }
}

/** The processing of a source failed. The original error is the `cause`, with its type and its stack. */
export class DataProcessingError extends Error {
  readonly code = 'DATA_PROCESSING_FAILED'
  override readonly name = 'DataProcessingError'
  /** Whether the same request could succeed later: a full disk may be emptied, a broken file stays broken. */
  readonly retryable: boolean

  constructor(cause: unknown) {
    super(`Data processing failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.retryable = !(cause instanceof InvalidUploadError || cause instanceof InvalidRequestError)
  }
}
