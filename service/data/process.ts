/**
 * One run of data processing, from a source of records to a file: filter, process, write.
 *
 * Everything streams, so memory does not grow with the data; analyses and aggregates are bounded too. Knows nothing of
 * HTTP and jobs: who calls it brings the signal to stop by and a listener for progress.
 */
import { aggregateRecords } from './aggregate.ts'
import { analyzeRecords } from './analyze.ts'
import { cleanRecords } from './clean.ts'
import { DataProcessingError, InvalidRequestError } from './errors.ts'
import { checkFilters, filterRecords } from './filters.ts'
import type { Filters } from './filters.ts'
import type { Formulas } from './neutralise.ts'
import { pacedRecords } from './paced.ts'
import type { Progress } from './paced.ts'
import type { DataRecord } from './record.ts'
import { ResultFiles } from './result-file.ts'
import type { ResultFile } from './result-file.ts'
import type { RecordSource } from './sources.ts'
import { transformRecords } from './transform.ts'
import { outputFormats, writeAggregate, writeAnalysis, writeRecords } from './write-result.ts'
import type { OutputFormat } from './write-result.ts'

export const processingTypes = ['clean', 'analyze', 'transform', 'aggregate'] as const
export type ProcessingType = (typeof processingTypes)[number]

export interface ProcessOptions {
  readonly records: RecordSource
  readonly filters?: Filters | null | undefined
  readonly processingType: ProcessingType
  readonly outputFormat: OutputFormat
  /** Where the result goes; a file that is there already is replaced, at once and whole. */
  readonly outputPath: string
  /** Whether CSV keeps texts that a spreadsheet would run as formulas. @default 'neutralise' */
  readonly formulas?: Formulas
  /** Results of up to this many bytes are also in the envelope, as `data`. @default 64 KiB */
  readonly inlineBytes?: number
  readonly onProgress?: ((progress: Progress) => unknown) | undefined
  /** How often at most, besides the last report at the end. @default 250 */
  readonly progressEveryMs?: number
  /** Aborting ends the run within a slice of work, rejects with the signal's reason and leaves no file behind. */
  readonly signal?: AbortSignal | undefined
}

const processDefaults = { formulas: 'neutralise', inlineBytes: 64 * 1024 } as const

/** What a finished run answers with. The file holds the same text as `data`. */
export interface ProcessedData {
  readonly status: 'completed'
  readonly processing_type: ProcessingType
  readonly output_format: OutputFormat
  /** Records in the result of `clean` and `transform`; 1 for an analysis or an aggregate. */
  readonly records_processed: number
  /** The whole result where it is small; otherwise it is in the file only. */
  readonly data?: string
  readonly bytes: number
  readonly sha256: string
}

/** Rejects with a `DataProcessingError` that has the original error as its cause. */
export async function processData(options: ProcessOptions): Promise<ProcessedData> {
  try {
    options.signal?.throwIfAborted()
    checkRequest(options)

    return await writtenResult(options)
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason
    throw new DataProcessingError(error)
  }
}

function checkRequest({ processingType, outputFormat, filters }: ProcessOptions): void {
  checkChoice('processing type', processingType, processingTypes)
  checkChoice('output format', outputFormat, outputFormats)
  checkFilters(filters)
}

function checkChoice(what: string, chosen: string, choices: readonly string[]): void {
  if (choices.includes(chosen)) return
  throw new InvalidRequestError(`Unknown ${what} "${chosen}". Expected one of ${choices.join(', ')}.`)
}

async function writtenResult(options: ProcessOptions): Promise<ProcessedData> {
  const files = new ResultFiles(options.outputPath, options.inlineBytes ?? processDefaults.inlineBytes)
  try {
    const { file, records } = await resultOf(options, files)
    options.signal?.throwIfAborted()
    const { bytes, sha256, text } = await file.commit()

    return {
      status: 'completed',
      processing_type: options.processingType,
      output_format: options.outputFormat,
      records_processed: records,
      ...(text === undefined ? {} : { data: text }),
      bytes,
      sha256,
    }
  } finally {
    await files.discard()
  }
}

async function resultOf(options: ProcessOptions, files: ResultFiles): Promise<{ file: ResultFile; records: number }> {
  const { processingType, outputFormat, signal, formulas = processDefaults.formulas } = options
  const records = chosenRecords(options)
  if (processingType === 'analyze') {
    return { file: await writeAnalysis(await analyzeRecords(records), outputFormat, formulas, files), records: 1 }
  }
  if (processingType === 'aggregate') {
    return { file: await writeAggregate(await aggregateRecords(records), outputFormat, formulas, files), records: 1 }
  }
  const processed = new Counted(processingType === 'clean' ? cleanRecords(records) : transformRecords(records))
  const file = await writeRecords(processed, outputFormat, { formulas, signal }, files)

  return { file, records: processed.count }
}

function chosenRecords(options: ProcessOptions): AsyncIterable<DataRecord> {
  const records = pacedRecords(options.records, options)
  const { filters } = options

  return filters ? filterRecords(records, filters) : records
}

/** Records, and how many of them have passed. */
class Counted implements AsyncIterable<DataRecord> {
  readonly #records: AsyncIterable<DataRecord>
  count = 0

  constructor(records: AsyncIterable<DataRecord>) {
    this.#records = records
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DataRecord> {
    for await (const record of this.#records) {
      this.count += 1
      yield record
    }
  }
}
