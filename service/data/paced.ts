/** Keeps a stream of records from holding up the process it runs in, stops it on request, and tells how far it is. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DataRecord } from './record.ts'
import type { RecordSource } from './sources.ts'

export interface Progress {
  readonly recordsRead: number
  /** From 0 to 1, where the length of the source is known. */
  readonly fraction?: number
}

export interface Pace {
  readonly signal?: AbortSignal | undefined
  /** A promise it returns is waited for, so a slow listener slows the reading instead of piling up. */
  readonly onProgress?: ((progress: Progress) => unknown) | undefined
  /** @default 250 */
  readonly progressEveryMs?: number
}

/**
 * Work done in one go before other work gets its turn. A slice can go over by the parsing of one chunk and the writing
 * of one batch, some milliseconds each; together they stay below the 20 ms at which a held event loop is noticed.
 */
const sliceMs = 5
const defaultProgressEveryMs = 250

/** The same values, with a pause for everybody else after each slice of work. */
export async function* paced<T>(values: AsyncIterable<T>, signal?: AbortSignal): AsyncGenerator<T> {
  let sliceStartedAt = performance.now()
  for await (const value of values) {
    if (performance.now() - sliceStartedAt > sliceMs) {
      await nextTurn()
      signal?.throwIfAborted()
      sliceStartedAt = performance.now()
    }
    yield value
  }
  signal?.throwIfAborted()
}

/** The records of a source, paced and reported: now and then, and once at the end. */
export async function* pacedRecords(source: RecordSource, pace: Pace): AsyncGenerator<DataRecord> {
  const everyMs = pace.progressEveryMs ?? defaultProgressEveryMs
  let recordsRead = 0
  let reportedAt = performance.now()
  for await (const record of paced(source, pace.signal)) {
    recordsRead += 1
    yield record
    if (performance.now() - reportedAt < everyMs) continue
    await pace.onProgress?.(progressOf(source, recordsRead))
    reportedAt = performance.now()
  }
  await pace.onProgress?.({ recordsRead, fraction: 1 })
}

function progressOf(source: RecordSource, recordsRead: number): Progress {
  const { bytesRead, totalBytes } = source
  if (bytesRead === undefined || !totalBytes) return { recordsRead }

  return { recordsRead, fraction: Math.min(1, bytesRead / totalBytes) }
}
