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
