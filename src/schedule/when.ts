/** When a schedule fires, as people say it and as it is stored, and the moments that follow from it. */
import { durationMs, lastMoment, type Duration } from '../duration.ts'
import { Described, InvalidOptionError } from '../errors.ts'
import { checkCron, latestCrons, nextCron } from './cron.ts'

/** One of: a crontab rule, a distance from tick to tick, one moment. */
export type When =
  | {
      /** Five fields, or six with seconds first: `'0 9 * * 1-5'`. */
      cron: string
      /** The IANA zone whose clock the rule means. @default 'UTC' */
      zone?: string
      every?: undefined
      at?: undefined
    }
  | {
      /** Counted from 1970, so that every process and every start means the same moments. */
      every: Duration
      cron?: undefined
      zone?: undefined
      at?: undefined
    }
  | { at: Date | number; cron?: undefined; zone?: undefined; every?: undefined }

/** As it is stored: milliseconds, nothing left out. */
export type StoredWhen = { cron: string; zone: string } | { every: number } | { at: number }

/** Ticks outside are none. */
export interface Span {
  readonly from?: number
  readonly until?: number
}

const shortestEveryMs = 10

/** @throws InvalidOptionError */
export function storedWhen(when: When, now: number, where: string): StoredWhen {
  const given = (['cron', 'every', 'at'] as const).filter((way) => when[way] !== undefined)
  if (given.length !== 1) {
    const all = given.map((way) => `\`${way}\``).join(' and ')
    throw new InvalidOptionError(
      where,
      new Described(all || 'none of them'),
      'given exactly one of `cron`, `every` and `at`',
    )
  }
  if (when.every !== undefined) return { every: everyMs(when.every, where) }
  if (when.at !== undefined) return { at: momentOf(when.at, `\`at\` of ${where}`) }

  const rule = { cron: when.cron, zone: when.zone ?? 'UTC' }
  checkCron(rule, now, where)
  return rule
}

/** @throws InvalidOptionError */
export function momentOf(value: Date | number, where: string): number {
  const at = value instanceof Date ? value.getTime() : value
  if (typeof at === 'number' && Math.abs(at) <= lastMoment) return Math.round(at)

  throw new InvalidOptionError(where, value, 'a Date or milliseconds since 1970')
}

/** The first tick after this moment, or null if there is none. */
export function nextTick(when: StoredWhen, { from, until }: Span, after: number): number | null {
  const start = from === undefined ? after : Math.max(after, from - 1)
  const next = nextOf(when, start)

  return next === null || (until !== undefined && next > until) ? null : next
}

/** The latest ticks from `first` up to now, at most so many, earliest first. */
export function dueTicks(when: StoredWhen, { until }: Span, first: number, now: number, count: number): number[] {
  const upTo = until === undefined ? now : Math.min(now, until)
  const latest =
    'every' in when
      ? Array.from({ length: count }, (_, back) => (Math.floor(upTo / when.every) - back) * when.every)
      : 'cron' in when
        ? latestCrons(when, upTo, count)
        : [when.at]

  // The one that was stored counts even where the rule has since been read in another way.
  const due = latest.filter((at) => at > first)
  return (due.length < count ? [...due, first] : due).toReversed()
}

function nextOf(when: StoredWhen, after: number): number | null {
  if ('cron' in when) return nextCron(when, after)
  if ('at' in when) return when.at > after ? when.at : null
  if ('every' in when) return (Math.floor(after / when.every) + 1) * when.every

  throw new InvalidOptionError('the rule of a stored schedule', when, 'one that this release of Errand knows')
}

function everyMs(every: Duration, where: string): number {
  const ms = durationMs(every, `\`every\` of ${where}`)
  if (ms >= shortestEveryMs) return ms

  throw new InvalidOptionError(`\`every\` of ${where}`, every, `at least ${shortestEveryMs} ms`)
}
