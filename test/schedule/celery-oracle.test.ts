/// <reference lib="esnext.temporal" />
/** Crontab rules where Celery fires them and where we do. Where the two differ is said in docs/guide/schedules.md. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextCron } from '../../src/schedule/cron.ts'
import { askCelery, askOffsets, findCelery, type Case } from './celery.ts'
import { everyChange, type ClockChange } from './clock-changes.ts'

const seed = Number(process.env.SEED ?? 1)
const python = 'Temporal' in globalThis ? findCelery() : undefined
const skip = python === undefined ? 'no Python here has Celery, or this Node has no Temporal' : false

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const shown = (moment: number) => new Date(moment).toISOString()
const at = (text: string) => Date.parse(text)

const number = (low: number, high: number) => fc.integer({ min: low, max: high })
const field = (low: number, high: number) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: number(low, high).map(String) },
    { weight: 2, arbitrary: number(2, Math.min(20, high)).map((step) => `*/${step}`) },
    { weight: 1, arbitrary: fc.tuple(number(low, high), number(low, high)).map(rangeOf) },
    { weight: 1, arbitrary: fc.tuple(number(low, high), number(low, high), number(2, 4)).map(steppedOf) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(number(low, high), { minLength: 2, maxLength: 3 }).map((all) => all.join()),
    },
  )
const rangeOf = ([one, other]: readonly number[]) => `${Math.min(one!, other!)}-${Math.max(one!, other!)}`
const steppedOf = ([one, other, step]: readonly number[]) => `${rangeOf([one!, other!])}/${step}`

/** Every month has its first 28 days; no rule goes by days of the month and of the week. */
const days = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ day: '*', weekday: '*' }) },
  { weight: 1, arbitrary: field(1, 28).map((day) => ({ day, weekday: '*' })) },
  { weight: 1, arbitrary: field(0, 6).map((weekday) => ({ day: '*', weekday })) },
)
const anyRule = fc
  .record({
    minute: field(0, 59),
    hour: fc.oneof(field(0, 23), field(0, 4)),
    days,
    month: fc.oneof(fc.constant('*'), field(1, 12)),
  })
  .map(({ minute, hour, days: { day, weekday }, month }) => `${minute} ${hour} ${day} ${month} ${weekday}`)

/** Some look at a change of clocks, the others at any time. */
const anyCase = (changes: readonly ClockChange[]) =>
  fc
    .record({
      cron: anyRule,
      where: fc.constantFrom(...changes),
      before: fc.oneof(number(0, 3 * dayMs), number(0, 300 * dayMs)),
    })
    .map(({ cron, where: { zone, change }, before }): Case => ({ cron, zone, from: change - before, count: 4 }))

function ours({ cron, zone, from, count }: Case): number[] {
  const found: number[] = []
  for (let next = nextCron({ cron, zone }, from); next !== null; next = nextCron({ cron, zone }, next)) {
    if (found.push(next) === count) break
  }
  return found
}

test('rules fire when Celery fires them, but where the guide says otherwise', { skip }, () => {
  const changes = knownToBoth(everyChange())
  assert.ok(new Set(changes.map(({ zone }) => zone)).size > 100)
  const cases = fc.sample(anyCase(changes), { numRuns: 500, seed }).filter((each) => !isWestern(each))
  const theirs = askCelery(python!, cases)

  const differing = cases.filter((each, index) => !agree(each, theirs[index]!, changes))

  assert.deepEqual(
    differing.map((each) => {
      const found = theirs[cases.indexOf(each)]!

      return { ...each, from: shown(each.from), ours: ours(each).map(shown), celery: found.map(shown) }
    }),
    [],
  )
})

/** Zones of which both know the same: governments change their minds, and databases of zones have releases. */
function knownToBoth(changes: readonly ClockChange[]): ClockChange[] {
  const probes = changes.flatMap(({ zone, change }) => [
    { zone, at: change - 1 },
    { zone, at: change },
  ])
  const offsets = askOffsets(python!, probes)
  const other = new Set(probes.filter((probe, index) => offsetMs(probe) !== offsets[index]).map(({ zone }) => zone))

  return changes.filter(({ zone }) => !other.has(zone))
}

const offsetMs = ({ zone, at }: { zone: string; at: number }) =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6

/** Rules that name days of the month or months, west of Greenwich: there Celery leaves some out. */
function isWestern({ cron, zone, from }: Case): boolean {
  const [, , day, month] = cron.split(' ')

  return offsetMs({ zone, at: from }) < hourMs && (day !== '*' || month !== '*')
}

/** Its beat looks every five minutes, and fires then what would have been due in a gap. */
const beatMs = 5 * 60_000

/** A rule of more than one time a day is compared up to the first change that it meets. */
function agree(one: Case, theirs: readonly number[], changes: readonly ClockChange[]): boolean {
  const met = changes.filter(({ zone, change }) => zone === one.zone && change > one.from - 3 * hourMs)
  const once = /^\d+ \d+ /.test(one.cron)
  const until = once ? Infinity : Math.min(...met.map(({ change }) => change - 2 * hourMs))
  const endsGap = (moment: number) => met.some(({ change }) => change === moment)

  return ours(one).every((moment, index) => {
    const late = theirs[index]! - moment

    return late === 0 || moment >= until || (endsGap(moment) && late > 0 && late <= beatMs)
  })
}

test('Celery leaves out what comes twice when clocks are set back, and we go by the time that passes', { skip }, () => {
  const rule: Case = { cron: '*/30 * * * *', zone: 'Europe/Paris', from: at('2026-10-25T00:15Z'), count: 3 }

  assert.deepEqual(ours(rule).map(shown), [
    '2026-10-25T00:30:00.000Z',
    '2026-10-25T01:00:00.000Z',
    '2026-10-25T01:30:00.000Z',
  ])
  assert.deepEqual(askCelery(python!, [rule])[0]!.map(shown), [
    '2026-10-25T00:30:00.000Z',
    '2026-10-25T02:00:00.000Z',
    '2026-10-25T02:30:00.000Z',
  ])
})

test('of a day of the month and one of the week Celery wants both, and we want one of them', { skip }, () => {
  const rule: Case = { cron: '0 0 13 * 5', zone: 'UTC', from: at('2026-01-01T00:00Z'), count: 3 }
  const dates = (moments: readonly number[]) => moments.map((moment) => shown(moment).slice(0, 10))

  assert.deepEqual(dates(ours(rule)), ['2026-01-02', '2026-01-09', '2026-01-13'])
  assert.deepEqual(dates(askCelery(python!, [rule])[0]!), ['2026-02-13', '2026-03-13', '2026-11-13'])
})

test('west of Greenwich Celery leaves out days of a rule that names a month, and we fire on all', { skip }, () => {
  const rule: Case = { cron: '0 19 * 1 *', zone: 'America/Ojinaga', from: at('2026-01-18T02:57Z'), count: 2 }

  assert.deepEqual(ours(rule).map(shown), ['2026-01-19T01:00:00.000Z', '2026-01-20T01:00:00.000Z'])
  assert.deepEqual(askCelery(python!, [rule])[0]!.map(shown), ['2027-01-02T01:00:00.000Z', '2028-01-02T01:00:00.000Z'])
})

test('what a gap swallows Celery fires up to five minutes after its end, and we fire at its end', { skip }, () => {
  const rule: Case = { cron: '31 2 * * *', zone: 'Europe/Paris', from: at('2026-03-28T12:00Z'), count: 1 }

  assert.deepEqual(ours(rule).map(shown), ['2026-03-29T01:00:00.000Z'])
  assert.deepEqual(askCelery(python!, [rule])[0]!.map(shown), ['2026-03-29T01:01:00.000Z'])
})
