/** Values as they are typed: JSON where they are JSON, and text otherwise. */
import { UsageError } from './failures.ts'

type Scalar = string | number | boolean | null

/** `7`, `true`, `null` and `"7"` are what JSON says; everything else is text. */
export function scalar(text: string): Scalar {
  const value = jsonOr(text)

  return value !== null && typeof value === 'object' ? text : (value as Scalar)
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** @throws UsageError */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`Expected ${where} to be JSON: ${(error as Error).message}.`, { cause: error })
  }
}

const field = /^([\p{L}_$][\p{L}\p{N}_$-]*(?:\.[\p{L}\p{N}_$-]+)*)=([^]*)$/u

function setIn(target: Record<string, unknown>, keys: readonly string[], value: unknown, typed: string): void {
  const [key = '', ...deeper] = keys
  if (key === '__proto__') throw new UsageError(`"${typed}" names a field that an input cannot have.`)
  if (deeper.length === 0) {
    if (Object.hasOwn(target, key)) throw new UsageError(`"${typed}" gives a field that is given already.`)
    target[key] = value
    return
  }
  const inner = (target[key] ??= {})
  if (typeof inner !== 'object' || Array.isArray(inner)) {
    throw new UsageError(`"${typed}" goes into a field that has a value of its own.`)
  }
  setIn(inner as Record<string, unknown>, deeper, value, typed)
}

/** An object from `to=ada@example.org copies=2 options.draft=true`; undefined if one of them is no field. */
function fromFields(args: readonly string[]): Record<string, unknown> | undefined {
  const fields = args.map((arg) => field.exec(arg))
  if (fields.some((match) => match === null)) return undefined
  const result: Record<string, unknown> = {}
  for (const match of fields) setIn(result, match![1]!.split('.'), jsonOr(match![2]!), match![0])

  return result
}

/** A value that begins like JSON was meant as JSON. */
const looksLikeJson = (text: string) => /^\s*[[{"]/.test(text)

/**
 * The input of a job, or the value of a signal, from what was typed after its name. No words, no value.
 *
 * @throws UsageError
 */
export function inputOf(args: readonly string[], where: string = 'the input'): unknown {
  if (args.length === 0) return undefined
  const object = fromFields(args)
  if (object) return object
  const [first = '', ...others] = args
  if (others.length === 0) return looksLikeJson(first) ? parseJson(first, where) : jsonOr(first)

  throw new UsageError(
    `Expected one JSON value or fields as key=value, got ${args.map((arg) => `"${arg}"`).join(', ')}. ` +
      'Put several values into one object or array, or quote a text with spaces.',
  )
}
