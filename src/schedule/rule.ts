/**
 * A schedule's rule: all that a tick needs, stored with the schedule.
 *
 * It carries the whole job but for its id, so any process may fire any schedule, one that knows none of its
 * tasks too. The store never reads it.
 */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOneOf, checkOptions } from '../options.ts'
import type { NewJob } from '../store/store.ts'
import { momentOf, storedWhen, type Span, type StoredWhen, type When } from './when.ts'

/** What a rule may say besides when it fires. */
export interface ScheduleOptions {
  /** Each tick's job starts up to this much later, by chance, so that what is due together does not start together. @default 0 */
  jitter?: Duration
  /** No ticks before. */
  from?: Date | number
  /** No ticks after. */
  until?: Date | number
  /**
   * What becomes of ticks that nobody was there to fire. `once`: one job for all of them, that of the latest. `skip`: none.
   * `{ atMost }`: one each, for the latest so many. A tick is missed when the one after it is due, or a minute has passed. @default 'once'
   */
  missed?: 'once' | 'skip' | { atMost: number }
  /**
   * What becomes of a tick whose predecessor's job is not final. `allow`: both run. `skip`: this one does not.
   * `queue`: it waits for the other to end. @default 'allow'
   */
  overlap?: 'allow' | 'skip' | 'queue'
}

/** When a schedule fires, and how. */
export type ScheduleRule = When & ScheduleOptions

export interface StoredRule extends Span {
  readonly when: StoredWhen
  readonly jitterMs: number
  /** Jobs for missed ticks. */
  readonly catchUp: number
  readonly overlap: 'allow' | 'skip' | 'queue'
  /** Made at run time: no process will declare it again, so it is never an orphan. */
  readonly kept: boolean
  readonly job: Omit<NewJob, 'id'>
}

const names = ['cron', 'zone', 'every', 'at', 'jitter', 'from', 'until', 'missed', 'overlap']
const mostCatchUp = 1_000

/** All of a rule but its job. @throws InvalidOptionError, UnknownOptionError */
export function checkedRule(name: string, rule: ScheduleRule, kept: boolean, now: number): Omit<StoredRule, 'job'> {
  const where = `the schedule "${name}"`
  checkOptions(rule, names, where)
  const { jitter = 0, from, until, missed = 'once', overlap = 'allow' } = rule
  checkOneOf(overlap, ['allow', 'skip', 'queue'], `\`overlap\` of ${where}`)
  const { zone } = rule
  if (zone !== undefined && rule.cron === undefined) {
    throw new InvalidOptionError(`\`zone\` of ${where}`, zone, 'left out where there is no `cron`')
  }
  if (from !== undefined && until !== undefined && Number(from) > Number(until)) {
    throw new InvalidOptionError(`\`until\` of ${where}`, until, 'a moment after `from`')
  }

  const when = storedWhen(rule, now, where)

  return {
    when,
    jitterMs: jitterMs(jitter, when, `\`jitter\` of ${where}`),
    ...(from !== undefined && { from: momentOf(from, `\`from\` of ${where}`) }),
    ...(until !== undefined && { until: momentOf(until, `\`until\` of ${where}`) }),
    catchUp: catchUpOf(missed, `\`missed\` of ${where}`),
    overlap,
    kept,
  }
}

/** @throws InvalidOptionError */
export function ruleWithJob(name: string, rule: Omit<StoredRule, 'job'>, { id: _, ...job }: NewJob): StoredRule {
  if (rule.overlap !== 'skip') return { ...rule, job }
  if (!job.unique) return { ...rule, job: { ...job, unique: oneAtATime(name) } }

  throw new InvalidOptionError(
    `\`overlap\` of the schedule "${name}"`,
    'skip',
    'left out where the job has a unique key of its own',
  )
}

/** As text, and how that begins: what comes first says when it fires, and `when` ends where that does. */
export function storedText({ when, from, until, jitterMs, ...how }: StoredRule): { rule: string; when: string } {
  const times = JSON.stringify({ when, from, until }).slice(0, -1)

  return { rule: JSON.stringify({ when, from, until, jitterMs, ...how }), when: `${times},"jitterMs":` }
}

export function readRule(text: string): StoredRule {
  return JSON.parse(text) as StoredRule
}

/** The engine itself then keeps a second one out, however many processes fire. */
function oneAtATime(name: string): NonNullable<NewJob['unique']> {
  return { key: `schedule:${name}`, scope: 'active', onConflict: 'keep' }
}

/** With more than the time from tick to tick, jobs would overtake those of later ticks. */
function jitterMs(jitter: Duration, when: StoredWhen, where: string): number {
  const ms = durationMs(jitter, where)
  if (!('every' in when) || ms <= when.every) return ms

  throw new InvalidOptionError(where, jitter, `no longer than \`every\`, which is ${when.every} ms`)
}

function catchUpOf(missed: NonNullable<ScheduleOptions['missed']>, where: string): number {
  if (missed === 'once') return 1
  if (missed === 'skip') return 0
  if (typeof missed === 'object' && missed !== null) checkOptions(missed, ['atMost'], where)
  const atMost = typeof missed === 'object' && missed !== null ? missed.atMost : Number.NaN
  if (Number.isInteger(atMost) && atMost >= 1 && atMost <= mostCatchUp) return atMost

  throw new InvalidOptionError(where, missed, `'once', 'skip' or { atMost: 1 to ${mostCatchUp} }`)
}
