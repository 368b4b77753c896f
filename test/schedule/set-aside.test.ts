import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { beating, minute, world } from './beating.ts'

/** A beat with a good schedule, every minute, and a list of what it tells. */
async function scene(t: TestContext) {
  const all = await beating(t, { every: '1m' })
  const { env, store, errand } = all
  await env.advance(1)
  const told: string[] = []
  errand.on('error', ({ during }) => told.push(during))
  const rule = JSON.parse((await store.schedules.get(['digest']))[0]!.rule) as object
  /** Schedules that are due, the good one's rule but for this. */
  const put = (names: readonly string[], change: object) =>
    store.schedules.put(
      names.map((name) => ({ name, rule: JSON.stringify({ ...rule, ...change }), nextAt: env.now() - minute })),
    )

  return { ...all, told, put }
}

for (const [what, when] of [
  ['a zone that this process does not know', { cron: '* * * * *', zone: 'Mars/Phobos' }],
  ['a rule of a kind that is not known here', { tide: 'high' }],
  ['a crontab rule that is not understood', { cron: 'now and then', zone: 'UTC' }],
] as const) {
  test(`${what} stops no other schedule, is told once and left alone`, async (t) => {
    const { env, store, ticks, told, put } = await scene(t)
    await put(['odd'], { when })
    const before = await store.schedules.get(['odd'])

    await env.advance(3 * minute)

    assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00', '00:03:00'])
    assert.deepEqual(told, ['firing the schedule "odd"'])
    assert.deepEqual(await store.schedules.get(['odd']), before)
  })
}

test('more schedules that cannot be fired than one look takes do not keep the others from firing', async (t) => {
  const { env, ticks, told, put } = await scene(t)
  const names = Array.from({ length: 500 }, (_, n) => `odd.${n}`)
  for (let from = 0; from < names.length; from += 100) {
    await put(names.slice(from, from + 100), { when: { tide: 'high' } })
  }

  await env.advance(3 * minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00', '00:03:00'])
  assert.equal(told.length, 500)
})

test('a schedule that could not be fired is fired once its rule is mended', async (t) => {
  const { env, store, errand, digest, put } = await scene(t)
  await put(['odd'], { when: { tide: 'high' } })
  await env.advance(minute)

  await errand.schedules.put('odd', { every: '1m' }, digest.with({ list: 'all' }))
  await env.advance(minute)

  const [odd] = await store.schedules.get(['odd'])
  assert.ok(odd!.lastJob !== undefined)
})

test('a tick that the store cannot take stops no other, and is tried again', async (t) => {
  const { env, store, ticks, told, put } = await scene(t)
  await put(['odd'], {})
  const { fire } = store.schedules
  Object.assign(store.schedules, {
    fire: (given: Parameters<typeof fire>[0]) =>
      given.some(({ name }) => name === 'odd') ? Promise.reject(new TypeError('no such thing')) : fire(given),
  })

  await env.advance(2 * minute)
  assert.deepEqual(await ticks(), ['00:00:00', '00:01:00', '00:02:00'])
  assert.ok(told.length >= 1 && told.every((during) => during === 'firing the schedule "odd"'))

  Object.assign(store.schedules, { fire })
  await env.advance(2 * minute)
  const [odd] = await store.schedules.get(['odd'])
  assert.ok(odd!.lastJob !== undefined)
})

test('one that this app cannot declare again, since its input is no longer accepted, stops no other and is no fault of the store', async (t) => {
  const { env, app, ticks } = world(t)
  const { errand, digest } = app()
  let accepts = true
  const validate = (value: unknown) => (accepts ? { value } : { issues: [{ message: 'too old' }] })
  const dated = errand.task('dated', { input: { '~standard': { version: 1, vendor: 'test', validate } } }, () => {})
  errand.schedule('dated', { every: '1d' }, dated.with({}))
  errand.schedule('hourly', { every: '1h' }, digest.with({ list: 'all' }))
  const told: string[] = []
  errand.on('error', ({ during }) => told.push(during))
  errand.on('store away', () => told.push('store away'))
  await errand.beat().start()

  accepts = false
  for (let passed = 0; passed < 180; passed++) await env.advance(minute)

  assert.deepEqual(await ticks(), ['00:00:00', '00:00:00', '01:00:00', '02:00:00', '03:00:00'])
  assert.deepEqual(new Set(told), new Set(['declaring the schedule "dated"']))
})
