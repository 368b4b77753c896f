import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationMs } from '../src/duration.ts'

test('a duration is milliseconds, or a number with a unit, or several of them', () => {
  const cases = [250, '250ms', '30s', '5m', '2h', '7d', '1w', '1h30m', '1.5s', ' 10 s ']

  assert.deepEqual(
    cases.map((value) => durationMs(value, 'it')),
    [250, 250, 30_000, 300_000, 7_200_000, 604_800_000, 604_800_000, 5_400_000, 1500, 10_000],
  )
})

test('what is no duration is refused with its value and what was expected', () => {
  for (const value of ['', '5', 'm', '5 minutes', '-5s', -1, Number.NaN, Infinity]) {
    assert.throws(() => durationMs(value, '`delay`'), {
      code: 'INVALID_OPTION',
      message: /^Expected `delay` to be a duration such as '30s'/,
    })
  }
})
