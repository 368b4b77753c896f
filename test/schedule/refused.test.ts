import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TickRefusedError } from '../../src/index.ts'
import type { StoredRule } from '../../src/schedule/rule.ts'
import type { ScheduleRecord, Store, Tick } from '../../src/store/store.ts'
import { beating, minute, world } from './beating.ts'

test('a tick whose job is refused is told of, and the schedule goes on', async (t) => {
  const { env, store, errand, ticks } = await beating(t, { every: '1m' })
  const told: Error[] = []
  errand.on('error', ({ error }) => told.push(error as Error))
  const [{ rule, nextAt }] = (await store.schedules.get(['digest'])) as [ScheduleRecord]
  const { job, ...how } = JSON.parse(rule) as StoredRule
  const unique = { key: 'one', scope: 'active', onConflict: 'refuse' } as const
  await store.schedules.put([{ name: 'digest', rule: JSON.stringify({ ...how, job: { ...job, unique } }), nextAt }])

  await env.advance(2 * minute)
  assert.deepEqual(await ticks(), ['00:00:00'])
  assert.ok(told.every((error) => error instanceof TickRefusedError && error.message.includes('"digest"')))
  assert.deepEqual(
    told.map((error) => String(error).match(/T(\S+)\.000Z/)![1]),
    ['00:01:00', '00:02:00'],
  )

  await store.cancel([(await store.find({})).jobs[0]!.id])
  await env.advance(minute)
  assert.deepEqual(await ticks(), ['00:00:00', '00:03:00'])
})

test('with overlap queued, a predecessor that goes while its follower is made holds nothing up', async (t) => {
  const { env, store, errand, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  const told: unknown[] = []
  errand.on('error', ({ error }) => told.push(error))
  await env.advance(1)
  const [first] = await jobs()
  removeAsItFires(store, first!.id)

  await env.advance(2 * minute)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'blocked'],
  )
  assert.deepEqual(told, [])
})

test('with overlap queued, several missed ticks stay in turn though the job before them goes meanwhile', async (t) => {
  const { env, store, app, beat, jobs } = await beating(t, { every: '1m', overlap: 'queue', missed: { atMost: 5 } })
  await env.advance(1)
  await beat.stop()
  const [first] = await jobs()
  removeAsItFires(store, first!.id)

  env.jump(3 * minute)
  await app().errand.beat().start()
  await env.advance(1)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'blocked', 'blocked'],
  )
})

test('with overlap queued, a tick that is refused for one that went still waits for those that are there', async (t) => {
  const { env, store, jobs } = await beating(t, { every: '1m', overlap: 'queue' })
  await env.advance(minute)
  const [, second] = await jobs()
  removeAsItFires(store, second!.id)

  await env.advance(minute)

  assert.deepEqual(
    (await jobs()).map(({ state }) => state),
    ['ready', 'blocked'],
  )
})

test('with overlap queued, jobs that expire bound how many wait', async (t) => {
  const { env, store, app } = world(t)
  const { errand, digest } = app()
  const brief = digest.with({ list: 'all' }, { expires: '150s' })
  errand.schedule('digest', { every: '1m', overlap: 'queue' }, brief)
  await errand.beat().start()
  await env.advance(1)
  for (let at = 0; at < 20; at++) {
    await env.advance(minute)
    await store.upkeep({ promote: 100, rescue: 100, expire: 100, prune: 100, spread: 100 })
  }

  const waiting = (await store.find({})).jobs.filter(({ state }) => state === 'blocked')
  assert.ok(waiting.length <= 3, `${waiting.length} wait`)
})

/** The job goes after the beat has looked at it and before the store has its answer. */
function removeAsItFires(store: Store, id: string): void {
  const { fire } = store.schedules
  Object.assign(store.schedules, {
    fire: async (ticks: readonly Tick[]) => {
      await store.remove([id])
      return fire(ticks)
    },
  })
}
