/** Durations as people write them: milliseconds, or `'250ms'`, `'30s'`, `'5m'`, `'2h'`, `'7d'`, `'1w'`, or several: `'1h30m'`. */
import { InvalidOptionError } from './errors.ts'

/** How long: milliseconds, or a text of `ms`, `s`, `m`, `h`, `d` and `w` such as `'30s'`, `'5m'` or `'1h30m'`. At most 1000 years. */
export type Duration = number | string

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
/** A thousand years: added to any time of ours, it is still a date. */
export const longestMs: number = 365_250 * 86_400_000
/** A `Date` reaches no further, into either direction from 1970. */
export const lastMoment = 8.64e15

/** What a `Date` can say of a moment that may lie beyond its reach: its first or last one. */
export const withinReach = (at: number): number => Math.max(-lastMoment, Math.min(at, lastMoment))

const part = /(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*/y

function parse(text: string): number | undefined {
  let total = 0
  part.lastIndex = 0

  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (!match) return undefined
    total += Number(match[1]) * unitMs[match[2]!]!
  }
  return text === '' ? undefined : total
}

/**
 * Milliseconds of a duration.
 *
 * @throws InvalidOptionError naming `where` when it is negative, longer than 1000 years, or not a duration.
 */
export function durationMs(value: Duration, where: string): number {
  const ms = typeof value === 'string' ? parse(value.trim()) : value

  if (typeof ms !== 'number' || !(ms >= 0 && ms <= longestMs)) {
    throw new InvalidOptionError(
      where,
      value,
      "a duration such as '30s', '5m', '1h30m', or milliseconds, from 0 to 1000 years",
    )
  }
  return Math.round(ms)
}
