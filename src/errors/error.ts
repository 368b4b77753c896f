/** What all errors of Errand are, and how they show a value. */
export abstract class ErrandError extends Error {
  abstract readonly code: string
  /** 'unknown' where the request may have been carried out although no answer came. Repeating it with the same ids is safe. */
  readonly outcome: 'none' | 'unknown' = 'none'

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Given in place of a value that words say better. */
export class Described {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A value as it reads in a message: short, quoted, never an object's insides. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Described) return value.text
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  if (value !== null && typeof value === 'object')
    return Array.isArray(value) ? 'an array' : named(value.constructor?.name ?? 'object')
  return String(value)
}

const named = (name: string) => `${/^[aeiou]/i.test(name) ? 'an' : 'a'} ${name}`
