import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { chain, Errand } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

const hour = 3_600_000
const newYear = Date.UTC(2026, 0, 1)

function world(t: TestContext) {
  const env = new ManualEnv({ startAt: newYear + 1 })
  const store = new MemoryStore({ env })
  const errand = new Errand({ store, env })
  const digest = errand.task(
    'digest',
    { queue: 'mail', redact: ['token'] },
    (_: { list: string; token?: string }) => {},
  )
  t.after(() => errand.close())

  return { env, store, errand, digest }
}

test('a schedule made at run time is told as it was made', async (t) => {
  const { errand, digest } = world(t)

  await errand.schedules.put(
    'weekly',
    { cron: '0 9 * * 1', zone: 'Europe/Paris' },
    digest.with({ list: 'all', token: 'x' }),
  )

  const [schedule] = await errand.schedules.list()
  assert.deepEqual(schedule, {
    name: 'weekly',
    task: 'digest',
    work: 'digest',
    queue: 'mail',
    when: { cron: '0 9 * * 1', zone: 'Europe/Paris' },
    input: { list: 'all', token: '[redacted]' },
    next: new Date('2026-01-05T08:00:00Z'),
    paused: false,
    overlap: 'allow',
    orphaned: false,
    declaredAt: new Date(newYear + 1),
  })
})

test('a schedule of a flow says what the flow is called', async (t) => {
  const { errand, digest } = world(t)

  await errand.schedules.put('both', { every: '1h' }, chain(digest.with({ list: 'a' }), digest.with({ list: 'b' })))

  const [schedule] = await errand.schedules.list()
  assert.deepEqual([schedule?.work, schedule?.task], ['digest → digest', 'errand.flow'])
})

test('a schedule made in this process fires at once when it is due, without waiting for the next look', async (t) => {
  const { env, store, errand, digest } = world(t)
  await errand.beat().start()
  await env.advance(10)

  await errand.schedules.put('soon', { at: env.now() + 5 }, digest.with({ list: 'all' }))
  await env.advance(5)

  assert.equal((await store.find({})).jobs.length, 1)
})

test('the ticks to come can be asked for', async (t) => {
  const { errand, digest } = world(t)
  await errand.schedules.put(
    'nightly',
    { cron: '30 2 * * *', zone: 'Europe/Berlin', from: Date.UTC(2026, 2, 28) },
    digest.with({ list: 'all' }),
  )

  const ticks = await errand.schedules.next('nightly', 3)

  assert.deepEqual(ticks, [
    new Date('2026-03-28T01:30:00Z'),
    new Date('2026-03-29T01:00:00Z'),
    new Date('2026-03-30T00:30:00Z'),
  ])
})

test('after a pause the ticks to come are those after it', async (t) => {
  const { env, errand, digest } = world(t)
  await errand.schedules.put('hourly', { every: '1h' }, digest.with({ list: 'all' }))
  await errand.schedules.pause('hourly')
  await env.advance(3 * hour)
  await errand.schedules.resume('hourly')

  const [next] = await errand.schedules.next('hourly', 1)

  assert.ok(next!.getTime() > env.now() && next!.getTime() <= env.now() + hour)
})

test('run now enqueues the job beside the ticks, and the last job is told with its state', async (t) => {
  const { env, errand, digest } = world(t)
  errand.schedule('hourly', { every: '1h' }, digest.with({ list: 'all' }))
  await errand.beat().start()

  const job = await errand.schedules.run('hourly')
  await env.advance(hour)

  const info = await job.info()
  assert.deepEqual([info.task, info.queue, info.metadata['schedule']], ['digest', 'mail', 'hourly'])
  assert.equal((await errand.jobs()).jobs.length, 2)
  assert.equal((await errand.schedules.get('hourly')).last?.state, 'ready')
})

test('a worker fires schedules by itself, unless it is told not to', async (t) => {
  const { env, store, errand, digest } = world(t)
  errand.schedule('often', { every: '1m' }, digest.with({ list: 'all' }))
  const ticks = async () => (await store.find({})).jobs.length

  const idle = await errand.worker({ beat: false }).start()
  await env.advance(2 * 60_000)
  assert.equal(await ticks(), 0)
  const worker = await errand.worker().start()
  await env.advance(2 * 60_000)
  assert.equal(await ticks(), 2)

  await Promise.all([idle.stop(), worker.stop()])
  assert.equal((await errand.schedules.get('often')).last?.state, 'succeeded')
})

test('what code no longer declares is an orphan after a day, and prune removes it alone', async (t) => {
  const { env, store, errand, digest } = world(t)
  const old = new Errand({ store, env })
  t.after(() => old.close())
  const gone = old.task('gone', () => {})
  old.schedule('old', { every: '1h' }, gone.with())
  await (await old.beat().start()).stop()
  errand.schedule('current', { every: '1h' }, digest.with({ list: 'all' }))
  await errand.schedules.put('made', { every: '1h' }, digest.with({ list: 'all' }))
  await errand.beat().start()

  await env.advance(25 * hour)

  const orphaned = (await errand.schedules.list()).map(({ name, orphaned }) => [name, orphaned])
  assert.deepEqual(orphaned, [
    ['current', false],
    ['made', false],
    ['old', true],
  ])
  assert.deepEqual(await errand.schedules.prune({ dryRun: true }), ['old'])
  assert.deepEqual(await errand.schedules.prune(), ['old'])
  assert.deepEqual(
    (await errand.schedules.list()).map(({ name }) => name),
    ['current', 'made'],
  )
})

test('a schedule that is not there is an error that names the nearest', async (t) => {
  const { errand, digest } = world(t)
  await errand.schedules.put('nightly', { every: '1d' }, digest.with({ list: 'all' }))

  for (const ask of ['get', 'next', 'pause', 'resume', 'run', 'remove'] as const) {
    await assert.rejects(async () => errand.schedules[ask]('nihgtly'), {
      code: 'SCHEDULE_NOT_FOUND',
      message: /Did you mean "nightly"/,
    })
  }
})

test('a rule that cannot be is refused where it is declared', (t) => {
  const { errand, digest } = world(t)
  const work = digest.with({ list: 'all' })
  const declare = (rule: object) => () => errand.schedule('s', rule as never, work)

  assert.throws(declare({}), { code: 'INVALID_OPTION', message: /exactly one of `cron`, `every` and `at`, got none/ })
  assert.throws(declare({ cron: '* * * * *', every: '1m' }), {
    code: 'INVALID_OPTION',
    message: /got `cron` and `every`/,
  })
  assert.throws(declare({ at: new Date(Number.NaN) }), { code: 'INVALID_OPTION', message: /got an invalid Date/ })
  assert.throws(declare({ every: '1m', jitter: '2m' }), { code: 'INVALID_OPTION', message: /no longer than `every`/ })
  assert.throws(declare({ every: 0 }), { code: 'INVALID_OPTION', message: /at least 10 ms/ })
  assert.throws(declare({ every: 'often' }), { code: 'INVALID_OPTION' })
  assert.throws(declare({ every: '1m', zone: 'UTC' }), { code: 'INVALID_OPTION' })
  assert.throws(declare({ every: '1m', from: 2, until: 1 }), { code: 'INVALID_OPTION' })
  assert.throws(declare({ every: '1m', overlap: 'no' }), { code: 'INVALID_OPTION' })
  assert.throws(declare({ every: '1m', missed: { atMost: 0 } }), { code: 'INVALID_OPTION' })
  assert.throws(declare({ every: '1m', missed: { atmost: 3 } }), { message: /Did you mean "atMost"/ })
  assert.throws(declare({ every: '1m', jiter: '1s' }), { code: 'UNKNOWN_OPTION', message: /Did you mean "jitter"/ })
  assert.throws(() => errand.schedule('bad name', { every: '1m' }, work), { code: 'INVALID_OPTION' })
  const lacking = digest.partial({}) as never
  assert.throws(() => errand.schedule('s', { every: '1m' }, lacking), { message: /given all of its input/ })
  const unknown = new Errand({ store: 'memory:' }).task('digets', () => {})
  assert.throws(() => errand.schedule('s', { every: '1m' }, unknown.with()), { code: 'UNKNOWN_TASK' })
})

test('two declarations of one name are refused', (t) => {
  const { errand, digest } = world(t)
  errand.schedule('s', { every: '1m' }, digest.with({ list: 'all' }))

  assert.throws(() => errand.schedule('s', { every: '2m' }, digest.with({ list: 'all' })), {
    code: 'DUPLICATE_SCHEDULE',
  })
})
