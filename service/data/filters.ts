/** Which records take part. All filters must hold; they look at the fields as the source names them. */
import { isDeepStrictEqual } from 'node:util'
import { InvalidRequestError } from './errors.ts'
import { fieldOf, kindOf } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'

/**
 * By field: a value the field must equal, or a range `{ min?, max? }` with both ends included.
 *
 * - `null` matches a null and a missing field. Values of different kinds are never equal: `1` is not `true` or `'1'`.
 * - In a range a missing field counts as 0, and null is in no range. Numbers are compared with numbers and texts with
 *   texts (by code units, so ISO dates work); other kinds are in no range.
 * - A range without ends, `{}`, filters nothing. An object with any other key is refused.
 */
export type Filters = { readonly [field: string]: JsonValue }

type Test = (record: DataRecord) => boolean

const mostFilters = 100

/** Throws `InvalidRequestError` where filters make no sense; absent ones are none. */
export function checkFilters(filters: unknown): asserts filters is Filters | null | undefined {
  if (filters === undefined || filters === null) return
  if (typeof filters !== 'object' || Array.isArray(filters)) {
    throw new InvalidRequestError('Expected `filters` to be an object with a value or a range for each field.')
  }
  const entries = Object.entries(filters as Filters)
  if (entries.length > mostFilters) {
    throw new InvalidRequestError(`Expected at most ${mostFilters} filters, got ${entries.length}.`)
  }
  for (const [field, wanted] of entries) checkRange(field, wanted)
}

function checkRange(field: string, wanted: JsonValue): void {
  if (!isObject(wanted)) return
  const unknown = Object.keys(wanted).find((key) => key !== 'min' && key !== 'max')
  if (unknown !== undefined) {
    const key = unknown.slice(0, 60)
    const message = `"${key}" is no end of a range. An object takes "min" and "max" only; to compare, give the value itself.`
    throw new InvalidRequestError(message, [field, key])
  }
  for (const end of ['min', 'max']) {
    const bound = fieldOf(wanted, end)
    if (bound === undefined || typeof bound === 'number' || typeof bound === 'string') continue
    throw new InvalidRequestError(
      `Expected \`filters.${field}.${end}\` to be a number or a text, got a ${kindOf(bound)}. Leave it out for no end.`,
      [field, end],
    )
  }
}

export async function* filterRecords(records: AsyncIterable<DataRecord>, filters: Filters): AsyncGenerator<DataRecord> {
  const passes = recordFilter(filters)
  for await (const record of records) if (passes(record)) yield record
}

/** The one question all filters put to a record. */
export function recordFilter(filters: Filters | null | undefined): Test {
  checkFilters(filters)
  const tests = Object.entries(filters ?? {}).map(([field, wanted]) => testFor(field, wanted))

  return (record) => tests.every((passes) => passes(record))
}

function testFor(field: string, wanted: JsonValue): Test {
  if (!isObject(wanted)) return (record) => equal(fieldOf(record, field) ?? null, wanted)
  const min = fieldOf(wanted, 'min')
  const max = fieldOf(wanted, 'max')

  return (record) => {
    const value = Object.hasOwn(record, field) ? record[field]! : 0
    return (min === undefined || inOrder(min, value)) && (max === undefined || inOrder(value, max))
  }
}

function equal(value: JsonValue, wanted: JsonValue): boolean {
  return value === wanted || (typeof wanted === 'object' && isDeepStrictEqual(value, wanted))
}

function inOrder(low: JsonValue, high: JsonValue): boolean {
  if (typeof low === 'number' && typeof high === 'number') return low <= high

  return typeof low === 'string' && typeof high === 'string' && low <= high
}

function isObject(value: JsonValue): value is DataRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
