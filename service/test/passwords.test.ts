import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCommonPassword } from '../auth/common-passwords.ts'
import { BoundedQueue, Passwords, parsePhc, phc } from '../auth/passwords.ts'

test('a password is kept as Argon2id with at least what OWASP recommends', async () => {
  const hash = await new Passwords().hash('correct horse battery')

  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.equal(phc(parsePhc(hash)), hash)
})

test('what is tried first is no password, however it is written', () => {
  for (const common of ['password', 'PASSWORD', 'Password123!', '12345678', 'qwertyuiop', 'iloveyou', 'zzzzzzzzzz'])
    assert.ok(isCommonPassword(common), common)
  for (const good of ['correct horse battery', 'password of the old sailor', '7f3a91bc'])
    assert.ok(!isCommonPassword(good), good)
})

test('only the right password fits, to the last of its 128 characters', async () => {
  const passwords = new Passwords()
  const long = 'x'.repeat(127)
  const hash = await passwords.hash(`${long}a`)

  assert.equal(await passwords.verify(hash, `${long}a`), true)
  assert.equal(await passwords.verify(hash, `${long}b`), false)
  assert.equal(await passwords.verify(undefined, `${long}a`), false)
})

test('a text written with other code points is the same password', async () => {
  const passwords = new Passwords()

  assert.equal(await passwords.verify(await passwords.hash('caf\u00e9 au lait'), 'cafe\u0301 au lait'), true)
})

test('a hash from before the parameters were raised still fits, and is told to be outdated', async () => {
  const old = await new Passwords({ memoryKiB: 8 * 1024, passes: 1, lanes: 1 }).hash('correct horse battery')
  const today = new Passwords()

  assert.equal(await today.verify(old, 'correct horse battery'), true)
  assert.equal(today.isOutdated(old), true)
  assert.equal(today.isOutdated(await today.hash('x')), false)
})

test('so many hashes are made at once, so many wait, and the next is refused', async () => {
  const queue = new BoundedQueue(1, 2)
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>())
  let atOnce = 0
  let most = 0
  const work = (gate: PromiseWithResolvers<void>) => async () => {
    most = Math.max(most, ++atOnce)
    await gate.promise
    atOnce -= 1
  }

  const running = gates.map((gate) => queue.run(work(gate)))
  await assert.rejects(
    queue.run(async () => {}),
    { kind: 'unavailable' },
  )
  for (const gate of gates) gate.resolve()
  await Promise.all(running)

  assert.equal(most, 1)
  await queue.run(async () => {})
})
