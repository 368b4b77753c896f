/**
 * A CSV file: the first line names the columns, each further line is a record.
 *
 * Cells are typed (`cellValue`). A row with fewer cells than the header has nulls for the missing ones; one with more
 * keeps them in extra columns named by their position, `column_5`, unless they are empty. The delimiter is the comma,
 * semicolon or tab that the header has most of.
 */
import { parse } from 'csv-parse'
import type { Parser } from 'csv-parse'
import { InvalidUploadError } from './errors.ts'
import { cellValue } from './numbers.ts'
import type { Chunk } from './read-text.ts'
import { checkField, checkFieldCount, checkText, setField } from './record.ts'
import type { DataRecord } from './record.ts'
import type { UploadLimits } from './upload-limits.ts'

export async function* readCsv(chunks: AsyncIterable<Chunk>, limits: UploadLimits): AsyncGenerator<DataRecord> {
  let columns: string[] | undefined
  let read = 0
  for await (const row of rowsOf(chunks, { recordBytes: limits.recordBytes })) {
    if (columns === undefined) {
      columns = columnNames(row, limits)
    } else {
      read += 1
      yield recordOf(row, columns, `Record ${read}`, limits)
    }
  }
}

interface RowOptions {
  readonly recordBytes: number
  /** Told from the header when left out. */
  readonly delimiter?: string
}

/** Rows of cells as text. The parser is driven by hand, so that its state can be looked at after each chunk. */
export async function* rowsOf(chunks: AsyncIterable<Chunk>, options: RowOptions): AsyncGenerator<string[]> {
  let parser: Parser | undefined
  let bytesSinceRow = 0
  try {
    for await (const { bytes, text } of chunks) {
      parser ??= openParser(options.delimiter ?? delimiterOf(text), options.recordBytes)
      parser.write(bytes)
      bytesSinceRow += bytes.length
      for (let row = nextRow(parser); row !== null; row = nextRow(parser)) {
        bytesSinceRow = 0
        yield row
      }
      refuseBroken(parser)
      // The parser's own limit counts the text of the cells, not a million empty ones.
      if (bytesSinceRow > 2 * options.recordBytes) throw tooLong(parser.info.lines, options.recordBytes)
    }
    if (parser !== undefined) yield* remainingRows(parser)
  } finally {
    parser?.destroy()
  }
}

function openParser(delimiter: string, recordBytes: number): Parser {
  const parser = parse({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: recordBytes,
  })
  // Looked at after each chunk; without a listener it would end the process.
  parser.on('error', () => {})

  return parser
}

function nextRow(parser: Parser): string[] | null {
  return parser.errored ? null : (parser.read() as string[] | null)
}

async function* remainingRows(parser: Parser): AsyncGenerator<string[]> {
  parser.end()
  try {
    for await (const row of parser) yield row as string[]
  } catch (error) {
    refuseBroken(parser)
    throw error
  }
}

function refuseBroken(parser: Parser): void {
  const error = parser.errored as (Error & { code?: string }) | null
  if (error === null) return
  throw new InvalidUploadError(`Line ${parser.info.lines} is not valid CSV: ${reasonOf(error)}`, { cause: error })
}

const reasons: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened before it and never closed.',
  CSV_INVALID_CLOSING_QUOTE: 'a quoted cell goes on after its closing quote. Double the quotes inside a quoted cell.',
  INVALID_OPENING_QUOTE: 'a quote stands in the middle of an unquoted cell. Quote the whole cell and double it.',
  CSV_MAX_RECORD_SIZE: 'the record is too long. A quote may be open that is never closed.',
}

function reasonOf(error: Error & { code?: string }): string {
  return reasons[error.code ?? ''] ?? error.message
}

function tooLong(line: number, recordBytes: number): InvalidUploadError {
  return new InvalidUploadError(`The record at line ${line} is longer than ${recordBytes} bytes.`)
}

const delimiters = [',', ';', '\t'] as const

/** The delimiter that the first line has most of, outside quotes. */
function delimiterOf(text: string): (typeof delimiters)[number] {
  const header = /[^\r\n]+/.exec(unquoted(text))?.[0] ?? ''
  const count = (delimiter: string) => header.split(delimiter).length - 1

  return delimiters.reduce((best, next) => (count(next) > count(best) ? next : best))
}

/** Every second piece between quotes is outside them; a doubled quote only adds an empty piece. */
function unquoted(text: string): string {
  return text
    .split('"')
    .filter((_, index) => index % 2 === 0)
    .join('')
}

/** Blank names become `column_<n>`, and a name that stands there twice is numbered: `name`, `name_2`. */
function columnNames(header: readonly string[], limits: UploadLimits): string[] {
  checkFieldCount(header.length, 'The header', limits)
  const names = new Set<string>()
  for (const [index, cell] of header.entries()) {
    checkField(cell, 'The header', limits)
    names.add(unusedName(cell.trim() === '' ? `column_${index + 1}` : cell, names))
  }

  return [...names]
}

function unusedName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  let number = 2
  while (taken.has(`${name}_${number}`)) number += 1

  return `${name}_${number}`
}

function recordOf(row: readonly string[], columns: string[], where: string, limits: UploadLimits): DataRecord {
  if (row.length > columns.length) addColumns(row, columns, where, limits)
  const record: DataRecord = {}
  for (const [index, column] of columns.entries()) {
    const cell = row[index] ?? ''
    checkText(cell, where, limits)
    setField(record, column, cellValue(cell))
  }

  return record
}

/** From here on every record has them: the columns only grow. */
function addColumns(row: readonly string[], columns: string[], where: string, limits: UploadLimits): void {
  const filled = row.findLastIndex((cell) => cell !== '') + 1
  checkFieldCount(filled, where, limits)
  while (columns.length < filled) columns.push(unusedName(`column_${columns.length + 1}`, new Set(columns)))
}
