import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { isUuid, makeIds } from '../src/id.ts'

test('ids are UUIDv7 that begin with their millisecond', () => {
  const id = makeIds(
    () => 0x0123456789ab,
    (bytes) => randomBytes(bytes),
  )()

  assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.ok(isUuid(id))
})

test('a UUID is told from what only looks like one', () => {
  const id = '0199aaaa-0000-7000-8000-0123456789ab'

  assert.ok(isUuid(id))
  for (const other of [
    '',
    id.slice(1),
    `${id}0`,
    id.toUpperCase(),
    id.replace('-', '0'),
    id.replace('b', 'g'),
    id.replace('0', '-'),
  ]) {
    assert.equal(isUuid(other), false, other)
  }
})

test('each id is greater than the one before, within a millisecond and when the clock goes back', () => {
  let now = 1_700_000_000_000
  const next = makeIds(
    () => (now += [0, 0, 0, 1, -5][Math.floor(Math.random() * 5)]!),
    (bytes) => randomBytes(bytes),
  )
  const ids = Array.from({ length: 20_000 }, next)

  assert.deepEqual(ids, ids.toSorted())
  assert.equal(new Set(ids).size, ids.length)
})
