/**
 * Crontab rules: when they fire. The only file that knows croner.
 *
 * Five fields (minute, hour, day of month, month, day of week) or six, with seconds first. Where clocks change,
 * it is as in Vixie's cron: a rule of fixed times runs once a day, at the end of the gap if its time does not
 * exist and the first time if it comes twice; a rule with a wildcard or step in it goes by the time that passes.
 */
import { Cron } from 'croner'
import { InvalidOptionError, shown } from '../errors.ts'

export interface CronRule {
  readonly cron: string
  /** An IANA name: 'Europe/Paris'. */
  readonly zone: string
}

/** Reading a rule costs more than asking it, and the same few are asked again and again. */
const read = new Map<string, Cron>()
const readAtMost = 2_000

/** The first moment after this one, or null if there is none. */
export function nextCron(rule: CronRule, after: number): number | null {
  return cronOf(rule).nextRun(new Date(after))?.getTime() ?? null
}

/** The latest moments up to this one, it included, latest first. */
export function latestCrons(rule: CronRule, upTo: number, count: number): number[] {
  return cronOf(rule)
    .previousRuns(count + 1, new Date(upTo + 1000))
    .map((date) => date.getTime())
    .filter((at) => at <= upTo)
    .slice(0, count)
}

/** @throws InvalidOptionError when it is no rule, or one that never fires */
export function checkCron(rule: CronRule, now: number, where: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: rule.zone })
  } catch {
    throw new InvalidOptionError(`\`zone\` of ${where}`, rule.zone, "an IANA time zone such as 'Europe/Paris' or 'UTC'")
  }
  let next: number | null
  try {
    next = nextCron(rule, now)
  } catch (error) {
    // It speaks of seven parts, with years, which are not taken here.
    const why =
      error instanceof Error
        ? error.message.replace(/^Cron\w+: /, '').replace(/exactly five, six, or seven space/, 'five or six space')
        : shown(error)
    throw new InvalidOptionError(`\`cron\` of ${where}`, rule.cron, `a crontab rule such as '0 9 * * 1-5' (${why})`)
  }
  if (next === null) throw new InvalidOptionError(`\`cron\` of ${where}`, rule.cron, 'a rule that fires at some time')
}

function cronOf({ cron, zone }: CronRule): Cron {
  const key = `${zone} ${cron}`
  let known = read.get(key)
  if (!known) {
    known = new Cron(cron, { timezone: zone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true })
    if (read.size >= readAtMost) read.clear()
    read.set(key, known)
  }
  return known
}
