import { test } from 'node:test'
import assert from 'node:assert/strict'
import { isUuid } from '../../src/id.ts'
import { sleep } from '../../src/env.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

test('timers fire in order, each at its own moment', async () => {
  const env = new ManualEnv({ startAt: 0 })
  const fired: [string, number][] = []
  env.after(20, () => fired.push(['second', env.now()]))
  env.after(10, () => fired.push(['first', env.now()]))
  env.after(20, () => fired.push(['third', env.now()]))
  env.after(21, () => fired.push(['never', env.now()]))

  await env.advance(20)

  assert.deepEqual(fired, [
    ['first', 10],
    ['second', 20],
    ['third', 20],
  ])
  assert.equal(env.now(), 20)
})

test('what a timer sets going runs before the next timer', async () => {
  const env = new ManualEnv()
  const woken: number[] = []
  const start = env.now()
  const loop = async () => {
    for (let round = 0; round < 3; round++) {
      await sleep(env, 10)
      woken.push(env.now() - start)
    }
  }

  const looping = loop()
  await env.advance(30)
  await looping

  assert.deepEqual(woken, [10, 20, 30])
})

test('a cancelled timer never fires', async () => {
  const env = new ManualEnv()
  let fired = false
  const timer = env.after(1, () => (fired = true))

  timer.cancel()
  await env.advance(10)

  assert.equal(fired, false)
  assert.equal(env.nextTimerMs, undefined)
})

test('a jump of the wall clock moves no timer', async () => {
  const env = new ManualEnv({ startAt: 5_000 })
  let fired = false
  env.after(10, () => (fired = true))

  env.jump(-3_600_000)
  await env.advance(9)

  assert.equal(fired, false)
  assert.equal(env.now(), 5_009 - 3_600_000)
})

test('the same seed gives the same world', () => {
  const [one, two] = [new ManualEnv({ seed: 7 }), new ManualEnv({ seed: 7 })]
  const draw = (env: ManualEnv) => [env.random(), env.random(), env.id(), env.id()]

  assert.deepEqual(draw(one), draw(two))
  assert.notEqual(new ManualEnv({ seed: 8 }).random(), new ManualEnv({ seed: 7 }).random())
})

test('ids are readable UUIDs that grow', () => {
  const env = new ManualEnv()

  const ids = [env.id(), env.id()]

  assert.ok(ids.every(isUuid) && ids[0]! < ids[1]!)
})

test('the point hook is told where the process could die', () => {
  const env = new ManualEnv()
  const passed: string[] = []
  env.onPoint = (name) => passed.push(name)

  env.point('turn.before-commit')

  assert.deepEqual(passed, ['turn.before-commit'])
})
