/** Values of a store's options, which may come from an object or from a URL, where all is text. */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'

/** Defaults, then what the URL says, then what is given. */
export function merged<T extends object>(
  defaults: T,
  fromUrl: object | undefined,
  given: object,
): Readonly<Record<keyof T, unknown>> {
  const stated = Object.entries(given).filter(([, value]) => value !== undefined)

  return { ...defaults, ...fromUrl, ...Object.fromEntries(stated) }
}

/** A number of milliseconds may stand in a URL without a unit. @throws InvalidOptionError */
export function millisecondsOf(value: unknown, name: string): number {
  return durationMs(numberIn(value) as Duration, `\`${name}\``)
}

/** @throws InvalidOptionError */
export function wholeNumber(
  value: unknown,
  least: number,
  name: string,
  expected = `a whole number of at least ${least}`,
): number {
  const number = numberIn(value)
  if (Number.isInteger(number) && (number as number) >= least) return number as number

  throw new InvalidOptionError(`\`${name}\``, number, expected)
}

/** In a URL, `?force` alone says yes. @throws InvalidOptionError */
export function yesOrNo(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value
  if (value === '' || value === 'true') return true
  if (value === 'false') return false

  throw new InvalidOptionError(where, value, 'true or false')
}

const numberIn = (value: unknown) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value)
