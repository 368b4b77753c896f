/**
 * A record: what a source yields and every step takes. Field names come from strangers, so nothing here or in the
 * steps may look a name up along a prototype (`Object.hasOwn` only), or assign one that a prototype knows.
 */
import { InvalidUploadError } from './errors.ts'
import type { UploadLimits } from './upload-limits.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

export type DataRecord = { [field: string]: JsonValue }

/** Sets an own field, also one called `constructor` or `toString`, and also where the prototypes are frozen. */
export function setField(record: DataRecord, field: string, value: JsonValue): void {
  if (field in Object.prototype) {
    Object.defineProperty(record, field, { value, writable: true, enumerable: true, configurable: true })
  } else {
    record[field] = value
  }
}

/** The field's own value; undefined when the record has no such field. */
export function fieldOf(record: DataRecord, field: string): JsonValue | undefined {
  return Object.hasOwn(record, field) ? record[field] : undefined
}

/**
 * Whether a field may have this name. `__proto__` is the one name that turns into somebody's prototype as soon as a
 * reader of our results merges carelessly, and no data needs it.
 */
export function isAllowedField(field: string): boolean {
  return field !== '__proto__'
}

/** How a value's kind reads in messages and in an analysis: neutral words, of no programming language. */
export type ValueKind = 'null' | 'text' | 'number' | 'boolean' | 'list' | 'object'

export function kindOf(value: JsonValue): ValueKind {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'string') return 'text'

  return typeof value as 'number' | 'boolean' | 'object'
}

/** Text for a cell, an element or a comparison: scalars as they are, lists and objects as JSON, null as nothing. */
export function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (value === null) return ''

  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Refuses a value that is no record, or one beyond the limits. `where` opens the message: "Line 7". */
export function checkedRecord(value: JsonValue, where: string, limits: UploadLimits): DataRecord {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidUploadError(`${where} is a ${kindOf(value)}; expected an object with named fields.`)
  }
  checkValue(value, 1, where, limits)

  return value
}

function checkValue(value: JsonValue, depth: number, where: string, limits: UploadLimits): void {
  if (typeof value === 'string') return checkText(value, where, limits)
  if (value === null || typeof value !== 'object') return
  if (depth > limits.depth) {
    throw new InvalidUploadError(`${where} is nested deeper than ${limits.depth} levels. Flatten it first.`)
  }
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, depth + 1, where, limits)
    return
  }
  const fields = Object.keys(value)
  checkFieldCount(fields.length, where, limits)
  for (const field of fields) {
    checkField(field, where, limits)
    checkValue(value[field]!, depth + 1, where, limits)
  }
}

export function checkFieldCount(count: number, where: string, limits: UploadLimits): void {
  if (count <= limits.columns) return
  throw new InvalidUploadError(`${where} has ${count} fields; at most ${limits.columns} are taken.`)
}

export function checkField(field: string, where: string, limits: UploadLimits): void {
  if (!isAllowedField(field)) {
    throw new InvalidUploadError(`${where} has a field named "${field}", which is not allowed. Rename it.`)
  }
  checkText(field, where, limits)
}

export function checkText(text: string, where: string, limits: UploadLimits): void {
  // A UTF-16 unit becomes at most three bytes, so the short ones need no counting.
  if (text.length * 3 <= limits.cellBytes) return
  const bytes = Buffer.byteLength(text)
  if (bytes <= limits.cellBytes) return
  throw new InvalidUploadError(`${where} has a value of ${bytes} bytes; at most ${limits.cellBytes} are taken.`)
}
