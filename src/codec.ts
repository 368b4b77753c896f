/**
 * The one seam where values become text and come back: plain JSON.
 *
 * A value that JSON would change in silence is refused with its path instead. Dates
 * and other objects with a `toJSON` become what that gives, and the types say so
 * (`Stored<T>`); a property that is undefined is left out.
 */
import { NotStorableError } from './errors.ts'

export interface Codec {
  /** @throws NotStorableError naming the place within `what`. */
  encode(value: unknown, what: string): string
  decode(text: string): unknown
}

const maxDepth = 500
/** Of a longer path, a message shows so many parts from each end. */
const longestPath = 12
const shownParts = 4

function refusal(value: unknown): string | undefined {
  if (typeof value === 'bigint') return 'a bigint'
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : `${value}`
  return undefined
}

const refused = (path: string, what: string) => new NotStorableError(shortened(path), what)

/** What refers to itself has a path without end. */
function shortened(path: string): string {
  const parts = path.split(/(?=[.[])/)
  if (parts.length <= longestPath) return path

  return `${parts.slice(0, shownParts).join('')}.….${parts.slice(-shownParts).join('').replace(/^\./, '')}`
}

/** Whether JSON keeps the value as it is. Where it does not, `check` says what it was and where. */
function fits(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || objectFits(value, depth)
    default:
      return false
  }
}

function objectFits(value: object, depth: number): boolean {
  if (depth > maxDepth) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (value[i] === undefined || !fits(value[i], depth + 1)) return false
    return true
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return convertedFits(value, depth)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) if (!fits((value as Record<string, unknown>)[key], depth + 1)) return false
  return true
}

function convertedFits(value: object, depth: number): boolean {
  if (value instanceof Date && Number.isNaN(value.getTime())) return false

  return fits((value as { toJSON(): unknown }).toJSON(), depth + 1)
}

function check(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return
    case 'number':
      if (Number.isFinite(value)) return
      throw refused(path, refusal(value)!)
    case 'object':
      return value === null ? undefined : checkObject(value, path, depth)
    default:
      throw refused(path, refusal(value)!)
  }
}

function checkObject(value: object, path: string, depth: number): void {
  if (depth > maxDepth) throw refused(path, `nested deeper than ${maxDepth} levels, or refers to itself`)

  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (value[i] === undefined) throw refused(`${path}[${i}]`, 'undefined, which would become null')
      check(value[i], `${path}[${i}]`, depth + 1)
    }
    return
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return checkConverted(value, path, depth)

  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(path, `an instance of ${value.constructor?.name ?? 'a class'}`)
  }
  for (const key in value) check((value as Record<string, unknown>)[key], path + '.' + key, depth + 1)
}

function checkConverted(value: object, path: string, depth: number): void {
  if (value instanceof Date && Number.isNaN(value.getTime())) throw refused(path, 'an invalid Date')

  check((value as { toJSON(): unknown }).toJSON(), path, depth + 1)
}

export const jsonCodec: Codec = {
  encode(value, what) {
    if (value === undefined) return 'null'
    if (!fits(value, 0)) check(value, what, 0)
    // A `toJSON` may give undefined.
    return JSON.stringify(value) ?? 'null'
  },
  decode: (text) => JSON.parse(text),
}
