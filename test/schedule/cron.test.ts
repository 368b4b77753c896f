import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidOptionError } from '../../src/errors.ts'
import { checkCron, latestCrons, nextCron, type CronRule } from '../../src/schedule/cron.ts'

const at = (text: string) => Date.parse(text)
const ticks = (rule: CronRule, after: string, count: number) => {
  const found: string[] = []
  for (let from = at(after); found.length < count;) {
    from = nextCron(rule, from)!
    found.push(new Date(from).toISOString())
  }
  return found
}

test('a time that does not exist runs at the end of the gap, once (celery#1604)', () => {
  const rule = { cron: '30 2 * * *', zone: 'Europe/Berlin' }

  assert.deepEqual(ticks(rule, '2026-03-28T12:00Z', 2), ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'])
})

test('a time that comes twice runs the first time only (django-celery-beat#194)', () => {
  const rule = { cron: '30 2 * * *', zone: 'Europe/Berlin' }

  assert.deepEqual(ticks(rule, '2026-10-24T12:00Z', 2), ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'])
})

test('a rule with a step in it goes by the time that passes', () => {
  const rule = { cron: '*/30 * * * *', zone: 'Europe/Berlin' }
  const apart = ticks(rule, '2026-10-24T23:00Z', 8).map((tick, index, all) => at(tick) - at(all[index - 1] ?? tick))

  assert.deepEqual(
    apart.slice(1),
    Array.from({ length: 7 }, () => 1_800_000),
  )
})

test('the latest ticks are those up to a moment, it included', () => {
  const rule = { cron: '0 9 * * 1', zone: 'Europe/Paris' }

  assert.deepEqual(latestCrons(rule, at('2026-11-23T08:00:00Z'), 2), [at('2026-11-23T08:00Z'), at('2026-11-16T08:00Z')])
  assert.deepEqual(latestCrons(rule, at('2026-11-23T07:59:59.999Z'), 1), [at('2026-11-16T08:00Z')])
})

test('what is no rule is refused with what would be one', () => {
  const check = (cron: string, zone = 'UTC') => checkCron({ cron, zone }, 0, 'the schedule "s"')

  assert.throws(
    () => check('61 * * * *'),
    new InvalidOptionError(
      '`cron` of the schedule "s"',
      '61 * * * *',
      "a crontab rule such as '0 9 * * 1-5' (Invalid value for minute: 61)",
    ),
  )
  for (const cron of ['* * *', '*/0 * * * *', '', '* * * * * * *', 'never']) {
    assert.throws(() => check(cron), { code: 'INVALID_OPTION', message: /crontab rule such as/ })
  }
  assert.throws(() => check('0 0 31 2 *'), { code: 'INVALID_OPTION', message: /fires at some time/ })
  assert.throws(() => check('0 9 * * *', 'Mars/Base'), { code: 'INVALID_OPTION', message: /IANA time zone/ })
})
