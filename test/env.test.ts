import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemEnv } from '../src/env.ts'

test('a timer may be longer than Node can count', async () => {
  let fired = false
  const timer = systemEnv().after(2 ** 31 + 1000, () => (fired = true))

  await sleep(20)
  timer.cancel()

  assert.equal(fired, false)
})
