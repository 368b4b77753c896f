/** Where records come from: two small samples that are always there, and uploaded files of any length. */
import { open } from 'node:fs/promises'
import { readCsv } from './read-csv.ts'
import { readJson } from './read-json.ts'
import { readNdjson } from './read-ndjson.ts'
import { readText } from './read-text.ts'
import type { DataRecord } from './record.ts'
import { sniffedBytes, uploadKind } from './upload-kind.ts'
import type { UploadKind } from './upload-kind.ts'
import { uploadLimits } from './upload-limits.ts'
import type { UploadLimits } from './upload-limits.ts'

/** Records, and where known, how far the reading has come. It can be read once. */
export interface RecordSource extends AsyncIterable<DataRecord> {
  readonly bytesRead?: number
  readonly totalBytes?: number
}

/** The sample source of this name: `users`, `orders`, or one record that repeats the name. */
export async function* sampleSource(name: string): AsyncGenerator<DataRecord> {
  const sample = samples.get(name) ?? [{ message: `Sample data from ${name}` }]
  for (const record of sample) yield { ...record }
}

const samples: ReadonlyMap<string, readonly DataRecord[]> = new Map([
  [
    'users',
    [
      { id: 1, name: 'Alice', email: 'alice@example.com', active: true },
      { id: 2, name: 'Bob', email: 'bob@example.com', active: false },
      { id: 3, name: 'Charlie', email: 'charlie@example.com', active: true },
    ],
  ],
  [
    'orders',
    [
      { id: 1, user_id: 1, amount: 99.99, status: 'completed' },
      { id: 2, user_id: 2, amount: 49.99, status: 'pending' },
      { id: 3, user_id: 1, amount: 149.99, status: 'completed' },
    ],
  ],
])

export interface UploadOptions {
  /** Told from the content when left out. */
  readonly kind?: UploadKind
  /** The name the file was uploaded under; never used as a path. */
  readonly name?: string
  readonly limits?: Partial<UploadLimits>
}

/** Opens an uploaded file as a source of records. Refuses at once what is no text file; reads it when iterated. */
export async function uploadSource(path: string, options: UploadOptions = {}): Promise<UploadSource> {
  const { head, size } = await headOf(path)
  const sniffed = uploadKind(head, options.name)

  return new UploadSource(path, options.kind ?? sniffed, size, { ...uploadLimits, ...options.limits })
}

export class UploadSource implements RecordSource {
  readonly kind: UploadKind
  readonly totalBytes: number
  readonly #path: string
  readonly #limits: UploadLimits
  #bytesRead = 0

  constructor(path: string, kind: UploadKind, totalBytes: number, limits: UploadLimits) {
    this.kind = kind
    this.totalBytes = totalBytes
    this.#path = path
    this.#limits = limits
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  [Symbol.asyncIterator](): AsyncGenerator<DataRecord> {
    this.#bytesRead = 0
    const chunks = readText(this.#path, (bytes) => (this.#bytesRead += bytes))

    return readers[this.kind](chunks, this.#limits)
  }
}

const readers = { csv: readCsv, json: readJson, ndjson: readNdjson }

async function headOf(path: string): Promise<{ head: Uint8Array; size: number }> {
  await using file = await open(path, 'r')
  const { buffer, bytesRead } = await file.read(Buffer.alloc(sniffedBytes), 0, sniffedBytes, 0)

  return { head: buffer.subarray(0, bytesRead), size: (await file.stat()).size }
}
