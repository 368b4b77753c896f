/** Rates as people write them: `'100/m'`, or so many starts in a time of their own. */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'

/** At most so many starts within any such time: `'10/s'`, `'100/m'`, `'5/h'`, `'1000/d'`, or in a time of your own: `'10/90s'`. */
export type RateValue =
  | `${number}/${Unit}`
  | `${number}/${number}${Unit | 'ms' | 'w'}`
  | { starts: number; per: Duration }

export interface ResolvedRate {
  readonly tokens: number
  readonly perMs: number
}

const text = /^(\d+)\s*\/\s*(?:([smhd])|(\d.*))$/
const mostStarts = 1_000_000
const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof unitMs

/** @throws InvalidOptionError, UnknownOptionError */
export function resolveRate(value: unknown, where: string): ResolvedRate {
  const rate = typeof value === 'object' && value !== null ? timed(value, where) : written(value, where)
  const fits = rate && Number.isInteger(rate.tokens) && rate.tokens >= 1 && rate.tokens <= mostStarts && rate.perMs >= 1
  if (fits) return rate

  throw new InvalidOptionError(
    where,
    value,
    `1 to ${mostStarts} starts per second, minute, hour or day such as '${exampleFor(value)}/m', or in a time of your own such as '10/90s'`,
  )
}

/** Of a bare number most likely only the time is missing. */
const exampleFor = (value: unknown) => (/^[1-9]\d*$/.test(String(value)) ? String(value) : '100')

function written(value: unknown, where: string): ResolvedRate | undefined {
  const match = typeof value === 'string' ? text.exec(value.trim()) : null
  if (!match) return undefined
  const [, starts, unit, per] = match

  return {
    tokens: Number(starts),
    perMs: per === undefined ? unitMs[unit as Unit] : durationMs(per, `the time of ${where}`),
  }
}

function timed(value: object, where: string): ResolvedRate {
  checkOptions(value, ['starts', 'per'], where)
  const { starts, per } = value as { starts: number; per: Duration }

  return { tokens: starts, perMs: durationMs(per, `\`per\` of ${where}`) }
}

/** A rate as people write it: `10/m`, and `10/90s` for a time of one's own. */
export function rateText({ tokens, perMs }: ResolvedRate): string {
  const units = (Object.keys(unitMs) as Unit[]).toReversed()
  const unit = units.find((each) => perMs % unitMs[each] === 0)
  if (unit === undefined) return `${tokens}/${perMs}ms`
  const times = perMs / unitMs[unit]

  return `${tokens}/${times === 1 ? '' : times}${unit}`
}
