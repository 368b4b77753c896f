/**
 * CSV with CRLF and a header that is the union of all columns, in the order in which they were first met.
 *
 * The header has to stand before rows that may bring further columns. Rows are written with the columns known so far;
 * only when columns came later does `paddedCsv` write the file once more, with the whole header and every row filled
 * up. So regular data is written once, and memory never holds more than a batch of rows.
 *
 * Null is an empty cell, lists and objects are JSON. Text that a spreadsheet could run as a formula gets an apostrophe
 * before the dangerous character unless `formulas` is `'keep'`.
 */
import { stringify } from 'csv-stringify/sync'
import { InvalidUploadError } from './errors.ts'
import { neutralised } from './neutralise.ts'
import type { Formulas } from './neutralise.ts'
import { rowsOf } from './read-csv.ts'
import { readText } from './read-text.ts'
import { fieldOf, textOf } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'

const mostColumns = 10_000
const batchCharacters = 32 * 1024
// Our own rows are read back; whatever the source's records were limited to, these may be longer.
const longestRow = 2 ** 30

/** How all our CSV is written; it can be read back by any reader that follows RFC 4180. */
export const csvForm = { record_delimiter: 'windows', quote_record_delimiter: true } as const

/** The columns met so far. It grows while `csvOfRecords` runs and is what `paddedCsv` needs afterwards. */
export class CsvColumns {
  readonly names: string[] = []
  readonly #known = new Set<string>()
  #headerWidth = 0

  get inHeader(): boolean {
    return this.#headerWidth > 0
  }

  /** Whether columns came after the header was written, so that `paddedCsv` has to follow. */
  get grown(): boolean {
    return this.names.length > this.#headerWidth
  }

  /** The columns so far, which from now on are the header of the file. */
  header(): readonly string[] {
    this.#headerWidth = this.names.length

    return this.names
  }

  /** True when the record brought columns that were not known. */
  meet(record: DataRecord): boolean {
    const before = this.names.length
    for (const field of Object.keys(record)) if (!this.#known.has(field)) this.#add(field)

    return this.names.length > before
  }

  #add(field: string): void {
    if (this.names.length === mostColumns) {
      throw new InvalidUploadError(
        `The records have more than ${mostColumns} different fields, the most for CSV columns.`,
      )
    }
    this.#known.add(field)
    this.names.push(field)
  }
}

/** Rows under the columns known so far. Afterwards `columns.grown` tells whether that was all of them. */
export async function* csvOfRecords(
  records: AsyncIterable<DataRecord>,
  columns: CsvColumns,
  formulas: Formulas,
): AsyncGenerator<string> {
  const batch = new Batch()
  let withoutFields = 0
  for await (const record of records) {
    const width = columns.names.length
    if (columns.meet(record) && width > 0) yield batch.take(width)
    if (columns.names.length === 0) {
      withoutFields += 1
      continue
    }
    if (!columns.inHeader) {
      batch.add(csvCells(columns.header(), formulas))
      for (; withoutFields > 0; withoutFields -= 1) batch.add(columns.names.map(() => ''))
    }
    batch.add(
      csvCells(
        columns.names.map((name) => fieldOf(record, name) ?? null),
        formulas,
      ),
    )
    if (batch.full) yield batch.take(columns.names.length)
  }
  yield batch.take(columns.names.length)
}

/** The same rows under the whole header, each with a cell for every column. Reads the file that was written before. */
export async function* paddedCsv(path: string, columns: CsvColumns, formulas: Formulas): AsyncGenerator<string> {
  const width = columns.names.length
  const batch = new Batch()
  batch.add(csvCells(columns.names, formulas))
  let row = 0
  for await (const cells of rowsOf(readText(path), { delimiter: ',', recordBytes: longestRow })) {
    if (row > 0) batch.add(Array.from({ length: width }, (_, index) => cells[index] ?? ''))
    if (batch.full) yield batch.take(width)
    row += 1
  }
  yield batch.take(width)
}

/** Rows waiting to become text together: one call for each would cost several times as much. */
class Batch {
  #rows: string[][] = []
  #characters = 0

  get full(): boolean {
    return this.#characters > batchCharacters
  }

  add(row: string[]): void {
    this.#rows.push(row)
    for (const cell of row) this.#characters += cell.length + 1
  }

  take(width: number): string {
    // In a single column an empty cell is an empty line, which readers pass over; quoted it stays a row.
    const text = stringify(this.#rows, { ...csvForm, quoted_empty: width === 1 })
    this.#rows = []
    this.#characters = 0

    return text
  }
}

export function csvCells(values: readonly JsonValue[], formulas: Formulas): string[] {
  return values.map((value) => {
    const text = textOf(value)
    return typeof value === 'number' || formulas === 'keep' ? text : neutralised(text)
  })
}
