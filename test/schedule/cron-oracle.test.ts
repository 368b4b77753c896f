/// <reference lib="esnext.temporal" />
/** Crontab rules where clocks change, against an oracle that looks at each minute with Temporal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextCron, type CronRule } from '../../src/schedule/cron.ts'
import { everyChange } from './clock-changes.ts'

const field = (low: number, high: number) =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 2, arbitrary: fc.integer({ min: low, max: high }).map(String) },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: Math.min(20, high) }).map((step) => `*/${step}`) },
    {
      weight: 1,
      arbitrary: fc
        .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 3 })
        .map((all) => all.join(',')),
    },
  )
const anyRule = fc.record({ minute: field(0, 59), hour: fc.oneof(field(0, 23), field(0, 4)), weekday: field(0, 6) })

const skip = 'Temporal' in globalThis ? false : 'this Node has no Temporal to compare with'

test(
  'ticks around every change of clocks, in every zone that has one, are those that Temporal finds (celery#6438, #9653)',
  { skip },
  () => {
    const changes = everyChange()
    assert.ok(new Set(changes.map(({ zone }) => zone)).size > 100)

    fc.assert(
      fc.property(anyRule, fc.constantFrom(...changes), ({ minute, hour, weekday }, { zone, change }) => {
        const rule = { cron: `${minute} ${hour} * * ${weekday}`, zone }
        const [from, to] = [change - 30 * 3_600_000, change + 30 * 3_600_000]

        assert.deepEqual(between(rule, from, to), oracle({ minute, hour, weekday }, zone, from, to))
      }),
      { numRuns: 300, seed: Number(process.env.SEED ?? 1) },
    )
  },
)

function between(rule: CronRule, from: number, to: number): string[] {
  const found: string[] = []
  for (let next = nextCron(rule, from); next !== null && next < to; next = nextCron(rule, next))
    found.push(new Date(next).toISOString())
  return found
}

interface Fields {
  readonly minute: string
  readonly hour: string
  readonly weekday: string
}

/** By looking at each minute, or for rules of fixed times at each day. */
function oracle(fields: Fields, zone: string, from: number, to: number): string[] {
  const fixed = !/[*]/.test(fields.minute + fields.hour)
  const found = fixed ? byDay(fields, zone, from, to) : byMinute(fields, zone, from, to)
  return [...new Set(found.filter((moment) => moment > from && moment < to))]
    .toSorted((a, b) => a - b)
    .map((moment) => new Date(moment).toISOString())
}

function byMinute(fields: Fields, zone: string, from: number, to: number): number[] {
  const found: number[] = []
  for (let moment = Math.floor(from / 60_000) * 60_000; moment < to; moment += 60_000) {
    const local = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(zone)
    if (fits(fields.minute, local.minute) && fits(fields.hour, local.hour) && fits(fields.weekday, local.dayOfWeek % 7))
      found.push(moment)
  }
  return found
}

function byDay(fields: Fields, zone: string, from: number, to: number): number[] {
  const found: number[] = []
  const last = Temporal.Instant.fromEpochMilliseconds(to).toZonedDateTimeISO(zone).toPlainDate().add({ days: 1 })
  let day = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone).toPlainDate().subtract({ days: 1 })
  for (; Temporal.PlainDate.compare(day, last) <= 0; day = day.add({ days: 1 })) {
    if (!fits(fields.weekday, day.dayOfWeek % 7)) continue
    for (const hour of numbers(fields.hour)) {
      for (const minute of numbers(fields.minute)) found.push(firstOf(day, hour, minute, zone))
    }
  }
  return found
}

/** The first time it comes, or the end of the gap it falls into. */
function firstOf(day: Temporal.PlainDate, hour: number, minute: number, zone: string): number {
  const wall = day.toPlainDateTime({ hour, minute })
  const earlier = wall.toZonedDateTime(zone, { disambiguation: 'earlier' })
  if (earlier.toPlainDateTime().equals(wall)) return earlier.epochMilliseconds

  return earlier.getTimeZoneTransition('next')!.epochMilliseconds
}

const numbers = (list: string) => list.split(',').map(Number)

function fits(list: string, value: number): boolean {
  if (list === '*') return true
  if (list.startsWith('*/')) return value % Number(list.slice(2)) === 0

  return numbers(list).includes(value)
}
