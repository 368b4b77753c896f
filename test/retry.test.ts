import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fatal, RetryAfter } from '../src/errors.ts'
import { isTriedAgain, retryDelayMs, retryPolicy, type RetryOptions } from '../src/retry.ts'

const middle = () => 0.5
const delays = (options: RetryOptions) =>
  [1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, retryPolicy(options, 'a task'), new Error('x'), middle))

test('delays double, grow evenly, or stay, up to the cap', () => {
  assert.deepEqual(delays({}), [1000, 2000, 4000, 8000])
  assert.deepEqual(delays({ backoff: 'linear', first: '2s' }), [2000, 4000, 6000, 8000])
  assert.deepEqual(delays({ backoff: 'fixed', first: 50 }), [50, 50, 50, 50])
  assert.deepEqual(delays({ max: '3s' }), [1000, 2000, 3000, 3000])
  assert.deepEqual(delays({ backoff: (attempt) => `${attempt}m` }), [60_000, 120_000, 180_000, 240_000])
})

test('jitter moves a delay by at most its share, both ways', () => {
  const policy = retryPolicy({ backoff: 'fixed', first: 1000, jitter: 0.2 }, 'a task')

  assert.deepEqual(
    [0, 0.5, 1].map((chance) => retryDelayMs(1, policy, undefined, () => chance)),
    [800, 1000, 1200],
  )
})

test('attempts end the tries, Fatal ends them at once, RetryAfter says its own delay', () => {
  const policy = retryPolicy({ attempts: 3, on: RangeError }, 'a task')

  assert.deepEqual(
    [1, 2, 3].map((attempt) => isTriedAgain(attempt, policy, new RangeError('x'))),
    [true, true, false],
  )
  assert.equal(isTriedAgain(1, policy, new Fatal('no')), false)
  assert.equal(isTriedAgain(1, policy, new RetryAfter('5s')), true)
  assert.equal(retryDelayMs(1, policy, new RetryAfter('5s'), middle), 5000)
})

test('errors are chosen by class, by several, or by a function, and excepted likewise', () => {
  const tried = (options: RetryOptions, error: unknown) => isTriedAgain(1, retryPolicy(options, 'a task'), error)

  assert.equal(tried({ on: RangeError }, new TypeError('x')), false)
  assert.equal(tried({ on: [RangeError, TypeError] }, new TypeError('x')), true)
  assert.equal(tried({ on: (error) => (error as { code?: string }).code === 'E' }, { code: 'E' }), true)
  assert.equal(tried({ except: TypeError }, new TypeError('x')), false)
})

test('retry options that cannot be used are refused by name', () => {
  assert.throws(() => retryPolicy(0, 'task "a"'), { message: /`retry.attempts` of task "a".*at least 1, got 0/ })
  assert.throws(() => retryPolicy({ jitter: 2 }, 'task "a"'), { code: 'INVALID_OPTION' })
  assert.throws(() => retryPolicy({ attempt: 5 } as RetryOptions, 'task "a"'), { message: /Did you mean "attempts"\?/ })
})
