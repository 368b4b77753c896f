/** JSON with an indent of two, piece by piece: the pieces joined are what `JSON.stringify(all, null, 2)` would give. */
import type { DataRecord } from './record.ts'

export async function* jsonOfRecords(records: AsyncIterable<DataRecord>): AsyncGenerator<string> {
  let opening = '[\n'
  for await (const record of records) {
    // The array around the record brings the right indent; its own brackets are cut off again.
    yield opening + JSON.stringify([record], null, 2).slice(2, -2)
    opening = ',\n'
  }
  yield opening === '[\n' ? '[]' : '\n]'
}

export function jsonOfResult(result: object): string {
  return JSON.stringify(result, null, 2)
}
