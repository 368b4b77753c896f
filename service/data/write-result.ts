/** From processed records, an analysis or an aggregate to the file of the asked format. */
import type { Aggregate } from './aggregate.ts'
import type { Analysis } from './analyze.ts'
import type { Formulas } from './neutralise.ts'
import { csvOfAggregate, csvOfAnalysis } from './output-csv-tables.ts'
import { CsvColumns, csvOfRecords, paddedCsv } from './output-csv.ts'
import { jsonOfRecords, jsonOfResult } from './output-json.ts'
import { xmlOfRecords, xmlOfResult } from './output-xml.ts'
import { paced } from './paced.ts'
import type { DataRecord } from './record.ts'
import type { ResultFile, ResultFiles } from './result-file.ts'

export const outputFormats = ['json', 'csv', 'xml'] as const
export type OutputFormat = (typeof outputFormats)[number]

export interface WriteOptions {
  readonly formulas: Formulas
  readonly signal: AbortSignal | undefined
}

export async function writeRecords(
  records: AsyncIterable<DataRecord>,
  format: OutputFormat,
  options: WriteOptions,
  files: ResultFiles,
): Promise<ResultFile> {
  if (format === 'csv') return writeCsv(records, options, files)

  return writeAll(format === 'json' ? jsonOfRecords(records) : xmlOfRecords(records), files.next())
}

async function writeCsv(
  records: AsyncIterable<DataRecord>,
  { formulas, signal }: WriteOptions,
  files: ResultFiles,
): Promise<ResultFile> {
  const columns = new CsvColumns()
  const file = await writeAll(csvOfRecords(records, columns, formulas), files.next())
  if (!columns.grown) return file
  await file.flush()

  return writeAll(paced(paddedCsv(file.partPath, columns, formulas), signal), files.next())
}

export async function writeAnalysis(
  analysis: Analysis,
  format: OutputFormat,
  formulas: Formulas,
  files: ResultFiles,
): Promise<ResultFile> {
  return writeText(format === 'csv' ? csvOfAnalysis(analysis, formulas) : resultText(analysis, format), files.next())
}

export async function writeAggregate(
  aggregate: Aggregate,
  format: OutputFormat,
  formulas: Formulas,
  files: ResultFiles,
): Promise<ResultFile> {
  return writeText(format === 'csv' ? csvOfAggregate(aggregate, formulas) : resultText(aggregate, format), files.next())
}

function resultText(result: Analysis | Aggregate, format: 'json' | 'xml'): string {
  return format === 'json' ? jsonOfResult(result) : xmlOfResult(result)
}

async function writeAll(texts: AsyncIterable<string>, file: ResultFile): Promise<ResultFile> {
  for await (const text of texts) await file.add(text)

  return file
}

async function writeText(text: string, file: ResultFile): Promise<ResultFile> {
  await file.add(text)

  return file
}
