import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { ScheduleRule } from '../../src/schedule/rule.ts'
import { readRule } from '../../src/schedule/rule.ts'
import { minute, world } from './beating.ts'

const hour = 60 * minute

/** Releases of one app, which declare a schedule of one name. */
function releases(t: TestContext) {
  const scene = world(t)
  const { store } = scene
  const start = async (list: string, rule: ScheduleRule) => {
    const { errand, digest } = scene.app()
    errand.schedule('digest', rule, digest.with({ list }))
    return errand.beat().start()
  }
  const put = (list: string, rule: ScheduleRule) => {
    const { errand, digest } = scene.app()
    return errand.schedules.put('digest', rule, digest.with({ list }))
  }
  const known = async () => (await store.schedules.get(['digest']))[0]!
  const list = async () => (JSON.parse(readRule((await known()).rule).job.input) as { list: string }).list

  return { ...scene, start, put, known, list }
}

test('a release that changes a job drops no tick that is due', async (t) => {
  const { env, start, put, ticks, jobs } = releases(t)
  await put('old', { cron: '0 3 * * *' })
  env.jump(3 * hour + minute)

  await start('new', { cron: '0 3 * * *' })
  await env.advance(1)

  assert.deepEqual(await ticks(), ['03:00:00'])
  assert.equal((await jobs())[0]!.input, '{"list":"new"}')
})

test('a release that changes options of a schedule or its job drops no tick that is due', async (t) => {
  const { env, start, put, ticks } = releases(t)
  env.jump(1_000)
  await put('all', { every: '1h', from: Date.UTC(2025, 0, 1) })
  env.jump(hour)

  await start('all', { every: '1h', from: Date.UTC(2025, 0, 1), jitter: '1s', overlap: 'skip', missed: 'skip' })
  await env.advance(1)

  assert.deepEqual(await ticks(), ['01:00:00'])
})

test('a rule that fires at other times begins anew at its next tick', async (t) => {
  const { start, put, known } = releases(t)
  await put('all', { cron: '0 3 * * *' })
  for (const rule of [
    { cron: '0 5 * * *' },
    { cron: '0 5 * * *', zone: 'Asia/Tokyo' },
    { cron: '0 5 * * *', zone: 'Asia/Tokyo', from: Date.UTC(2026, 5, 1) },
  ]) {
    const before = (await known()).nextAt
    await (await start('all', rule)).stop()
    assert.notEqual((await known()).nextAt, before)
  }
})

test('a schedule that has ended goes on when its end is put off', async (t) => {
  const { env, start, put, ticks, known } = releases(t)
  await put('all', { every: '1h', until: env.now() })
  const beat = await start('all', { every: '1h', until: env.now() })
  await env.advance(minute)
  assert.equal((await known()).nextAt, null)
  await beat.stop()

  await start('all', { every: '1h', until: env.now() + 2 * hour })
  await env.advance(hour)

  assert.deepEqual(await ticks(), ['00:00:00', '01:00:00'])
})

test('of two releases that run beside each other the one that came last holds, and does not change to and fro', async (t) => {
  const { env, start, list, known } = releases(t)
  await start('old', { every: '7h' })
  await env.advance(hour / 2)
  await start('new', { every: '5h' })
  const { nextAt } = await known()

  for (let quarters = 0; quarters < 12; quarters++) {
    await env.advance(hour / 4)
    assert.equal(await list(), 'new')
    assert.equal((await known()).nextAt, nextAt)
  }
})

test('the rule of a release that is gone gives way to that of those who are there', async (t) => {
  const { env, start, list } = releases(t)
  await start('stays', { every: '5h' })
  const gone = await start('gone', { every: '7h' })
  await gone.stop()

  await env.advance(3 * hour)

  assert.equal(await list(), 'stays')
})
