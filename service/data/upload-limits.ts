/** How large the parts of an upload may be. What is within them is read in bounded memory, however long the file. */
export interface UploadLimits {
  /** Fields of one record, or of one object inside it. @default 1_000 */
  readonly columns: number
  /** Bytes of one text value. @default 128 KiB */
  readonly cellBytes: number
  /**
   * Bytes of one record. It also bounds what a quote that is never closed can swallow, and how long one record can
   * hold the event loop. In JSON files it is checked per chunk, so up to a chunk (32 KiB) more may pass.
   * @default 256 KiB
   */
  readonly recordBytes: number
  /** How deep lists and objects may be nested; the record itself is level 1. @default 32 */
  readonly depth: number
}

export const uploadLimits: UploadLimits = { columns: 1_000, cellBytes: 128 * 1024, recordBytes: 256 * 1024, depth: 32 }
