import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redacted, textRedactor } from '../src/redact.ts'

test('named fields are masked, through objects, lists and wildcards, and the original is untouched', () => {
  const input = { password: 'hunter22', card: { number: '4111', name: 'Ann' }, items: [{ token: 'a' }, { token: 'b' }] }
  const shown = redacted(input, ['password', 'card.number', 'items.*.token', 'missing.field'])

  assert.deepEqual(shown, {
    password: '[redacted]',
    card: { number: '[redacted]', name: 'Ann' },
    items: [{ token: '[redacted]' }, { token: '[redacted]' }],
  })
  assert.equal(input.password, 'hunter22')
})

test('the data of progress and log lines is masked by the same paths', () => {
  assert.deepEqual(redacted({ done: 1, data: { password: 'x' } }, ['password']), {
    done: 1,
    data: { password: '[redacted]' },
  })
})

test('values of redacted fields are masked wherever they stand in a text', () => {
  const mask = textRedactor({ password: 'hunter22', pin: 1 }, ['password', 'pin'])

  assert.equal(mask('cannot log in with hunter22 in attempt 1'), 'cannot log in with [redacted] in attempt 1')
})
