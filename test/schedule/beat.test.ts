import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errand } from '../../src/index.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { beating, minute, newYear, world } from './beating.ts'

test('each tick enqueues a job, which knows its schedule and its moment', async (t) => {
  const { env, jobs, ticks } = await beating(t, { every: '1m' })

  await env.advance(3 * minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00', '00:03:00'])
  const [first] = await jobs()
  assert.equal(first!.input, '{"list":"all"}')
  assert.deepEqual(JSON.parse(first!.metadata!), { schedule: 'digest', tick: '2026-01-01T00:00:00.000Z' })
})

test('ticks that come faster than the beat looks on its own all fire, each at its time', async (t) => {
  const { env, jobs } = await beating(t, { every: '100ms' })

  await env.advance(3_010)

  const late = (await jobs()).map(({ createdAt, metadata }) => createdAt - tickOf(metadata))
  assert.equal(late.length, 31)
  assert.ok(Math.max(...late) <= 2, `up to ${Math.max(...late)} ms late`)
})

test('a rule with seconds fires at each of them', async (t) => {
  const { env, jobs } = await beating(t, { cron: '* * * * * *' })

  await env.advance(20_010)

  const late = (await jobs()).map(({ createdAt, metadata }) => createdAt - tickOf(metadata))
  assert.equal(late.length, 21)
  assert.ok(Math.max(...late) <= 2, `up to ${Math.max(...late)} ms late`)
})

test('a fast schedule is fired in time by several beats too', async (t) => {
  const { env, app, ticks } = await beating(t, { every: '100ms' })
  await app().errand.beat().start()

  await env.advance(2_010)

  assert.equal((await ticks()).length, 21)
})

test('a tick fires once, however many beats there are (celery#251, #2856, apscheduler#129)', async (t) => {
  const { env, app, ticks } = await beating(t, { every: '1m' })
  for (let count = 0; count < 4; count++) {
    const other = app()
    other.errand.schedule('digest', { every: '1m' }, other.digest.with({ list: 'all' }))
    await other.errand.beat().start()
  }

  await env.advance(2 * minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00'])
})

test('a beat that knows none of the tasks fires all schedules', async (t) => {
  const { env, store, beat, ticks } = await beating(t, { every: '1m' })
  await beat.stop()
  const stranger = new Errand({ store, env })
  t.after(() => stranger.close())

  await stranger.beat().start()
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00'])
})

test('a one-off schedule fires at its moment and never again', async (t) => {
  const { env, errand, ticks } = await beating(t, { at: newYear + 5 * minute })

  await env.advance(20 * minute)

  assert.deepEqual(await ticks(), ['00:05:00'])
  assert.equal((await errand.schedules.get('digest')).next, null)
})

test('there are no ticks before the start and after the end', async (t) => {
  const { env, ticks } = await beating(t, { every: '1m', from: newYear + 2 * minute, until: newYear + 4 * minute })

  await env.advance(10 * minute)

  assert.deepEqual(await ticks(), ['00:02:00', '00:03:00', '00:04:00'])
})

test('ticks that nobody was there to fire become one job, that of the latest', async (t) => {
  const { env, beat, app, ticks } = await beating(t, { every: '1m' })
  await env.advance(1)
  await beat.stop()

  env.jump(10 * minute)
  await app().errand.beat().start()
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:10:00', '00:11:00'])
})

test('missed ticks are skipped where the schedule says so', async (t) => {
  const { env, beat, app, ticks } = await beating(t, { every: '1m', missed: 'skip' })
  await env.advance(1)
  await beat.stop()

  env.jump(10 * minute)
  await app().errand.beat().start()
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:11:00'])
})

test('missed ticks are made up for up to the bound, the latest of them', async (t) => {
  const { env, beat, app, ticks } = await beating(t, { cron: '* * * * *', missed: { atMost: 3 } })
  await env.advance(1)
  await beat.stop()

  env.jump(10 * minute)
  await app().errand.beat().start()
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:08:00', '00:09:00', '00:10:00', '00:11:00'])
})

test('a tick that was not missed is not skipped for being a little late', async (t) => {
  const { env, beat, app, ticks } = await beating(t, { every: '1h', missed: 'skip' })
  await env.advance(1)
  await beat.stop()

  env.jump(60 * minute + 20_000)
  await app().errand.beat().start()
  await env.advance(1)

  assert.deepEqual(await ticks(), ['00:00:00', '01:00:00'])
})

test('with overlap skipped, a tick whose predecessor is not final is none', async (t) => {
  const { env, store, jobs, ticks } = await beating(t, { every: '1m', overlap: 'skip' })
  await env.advance(2 * minute)
  assert.deepEqual(await ticks(), ['00:00:00'])

  await store.cancel([(await jobs())[0]!.id])
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:03:00'])
})

test('with overlap queued, a tick waits for the one before it to end', async (t) => {
  const { env, store, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  await env.advance(2 * minute)
  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'blocked', 'blocked'],
  )

  await store.cancel([(await jobs())[0]!.id])

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['cancelled', 'ready', 'blocked'],
  )
})

test('with overlap queued, a tick whose predecessor is cancelled as it waits still waits for the one that runs', async (t) => {
  const { env, store, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  await env.advance(2 * minute)

  await store.cancel([(await jobs())[1]!.id])
  await env.advance(minute)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'cancelled', 'blocked', 'blocked'],
  )
})

test('with overlap queued, a tick waits for the one that runs also where the last one was cancelled before it', async (t) => {
  const { env, store, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  await env.advance(minute)

  await store.cancel([(await jobs())[1]!.id])
  await env.advance(minute)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'cancelled', 'blocked'],
  )
})

test('with overlap queued, a predecessor that is gone holds nothing up', async (t) => {
  const { env, store, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  await env.advance(1)
  await store.remove([(await jobs())[0]!.id])

  await env.advance(minute)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready'],
  )
})

test('jitter starts a job later, and not beyond what it allows', async (t) => {
  const { env, jobs } = await beating(t, { every: '1h', jitter: '10m' })

  await env.advance(120 * minute)

  const delays = (await jobs()).map(({ dueAt, createdAt }) => (dueAt ?? createdAt) - createdAt)
  assert.equal(delays.length, 3)
  assert.ok(delays.some((delay) => delay > 0) && delays.every((delay) => delay <= 10 * minute))
})

test('a paused schedule does not fire, and goes on when it is resumed', async (t) => {
  const { env, errand, ticks } = await beating(t, { every: '1m', missed: 'skip' })
  await env.advance(1)
  await errand.schedules.pause('digest')
  await env.advance(5 * minute)
  assert.deepEqual(await ticks(), ['00:00:00'])

  await errand.schedules.resume('digest')
  await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:06:00'])
})

test('a process whose clock is wrong fires by the store’s clock', async (t) => {
  const { env, store, ticks } = world(t)
  const fast = new ManualEnv({ startAt: newYear + 60 * minute, firstId: 1_000 })
  const errand = new Errand({ store, env: fast })
  t.after(() => errand.close())
  const digest = errand.task('digest', (_: { list: string }) => {})
  errand.schedule('digest', { every: '1m' }, digest.with({ list: 'all' }))
  await errand.beat().start()

  for (let second = 0; second <= 120; second++) {
    await fast.advance(1_000)
    await env.advance(1_000)
  }

  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00'])
})

test('a store that was away delays ticks and loses none', async (t) => {
  const { env, store, errand, ticks } = await beating(t, { every: '1m', missed: { atMost: 10 } })
  const due = store.schedules.due
  const errors: string[] = []
  errand.on('error', ({ during }) => errors.push(during))

  Object.assign(store.schedules, { due: () => Promise.reject(new Error('away')) })
  await env.advance(3 * minute)
  Object.assign(store.schedules, { due })
  await env.advance(minute + 5)

  assert.ok(errors.includes('the beat'))
  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00', '00:03:00', '00:04:00'])
})

function tickOf(metadata: string | undefined): number {
  return Date.parse((JSON.parse(metadata!) as { tick: string }).tick)
}
