/** Transform: every record in one shape, with what has no place in it under `details`. */
import { fieldOf, setField } from './record.ts'
import type { DataRecord, JsonValue } from './record.ts'

export async function* transformRecords(records: AsyncIterable<DataRecord>): AsyncGenerator<DataRecord> {
  for await (const record of records) yield transformRecord(record)
}

const placed = new Set(['id', 'name', 'title'])

/** A name that is empty, 0, false or null gives way to the title. */
export function transformRecord(record: DataRecord): DataRecord {
  const details: DataRecord = {}
  for (const field of Object.keys(record)) if (!placed.has(field)) setField(details, field, record[field]!)

  return {
    record_id: fieldOf(record, 'id') ?? null,
    name: nameOf(record),
    details,
    processed: true,
  }
}

function nameOf(record: DataRecord): JsonValue {
  const name = fieldOf(record, 'name')

  return isFilled(name) ? name : (fieldOf(record, 'title') ?? null)
}

function isFilled(value: JsonValue | undefined): value is JsonValue {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0

  return Boolean(value)
}
