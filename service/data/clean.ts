/** Clean: field names in lower case with underscores for spaces, texts without spaces around them. */
import { InvalidUploadError } from './errors.ts'
import { isAllowedField, setField } from './record.ts'
import type { DataRecord } from './record.ts'

export async function* cleanRecords(records: AsyncIterable<DataRecord>): AsyncGenerator<DataRecord> {
  for await (const record of records) yield cleanRecord(record)
}

/** Where two names become one, the later value is kept. Only texts change; what is inside lists and objects does not. */
export function cleanRecord(record: DataRecord): DataRecord {
  const cleaned: DataRecord = {}
  for (const field of Object.keys(record)) {
    const value = record[field]!
    setField(cleaned, cleanName(field), typeof value === 'string' ? value.trim() : value)
  }

  return cleaned
}

function cleanName(field: string): string {
  const name = field.toLowerCase().replaceAll(' ', '_')
  if (!isAllowedField(name)) {
    throw new InvalidUploadError(
      `Cleaning the field "${field}" would name it "${name}", which is not allowed. Rename it.`,
    )
  }

  return name
}
