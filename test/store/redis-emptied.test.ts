import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Errand, redisStore } from '../../src/index.ts'
import type { StoreEvent } from '../../src/store/store.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { aJob } from '../../src/testing/conformance/builders.ts'
import { command } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { impatient } from './redis-app.ts'

const redis = await findRedis()

describe('a Redis server that has lost its data', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer
  let stores = 0

  before(async () => {
    server = await startRedis(redis!)
  })
  after(() => server.stop())

  function appOf(t: TestContext, prefix: string, tasks: readonly string[]) {
    const errand = new Errand({ store: redisStore({ ...impatient, url: server.url, prefix }) })
    const ran: string[] = []
    errand.on('error', () => {})
    const [first, ...others] = tasks.map((name) =>
      errand.task(name, async (input: string) => {
        ran.push(`${name} ${input}`)
        return name
      }),
    )
    t.after(() => errand.close())
    return { errand, ran, first: first!, others }
  }

  async function storeOf(t: TestContext, prefix: string) {
    const store = await RedisStore.open({ url: server.url, prefix })
    t.after(() => store.close())
    return store
  }

  const losses: readonly [string, () => Promise<unknown>][] = [
    ['it was flushed', () => command(server.port, 'flushall')],
    [
      'it started anew without persistence',
      async () => {
        await server.down('SIGKILL')
        await server.up()
      },
    ],
  ]

  for (const [what, lose] of losses) {
    test(`runs no job as another task: ${what}`, async (t) => {
      const prefix = `emptied-${++stores}`
      const worker = appOf(t, prefix, ['copy', 'greet'])
      await worker.errand.worker({ lease: '1s' }).start()
      const copied = await worker.first.enqueue('before')
      assert.equal(await copied.result({ timeout: '10s' }), 'copy')

      await lose()
      const caller = appOf(t, prefix, ['greet', 'copy'])
      const greeted = await caller.first.enqueue('hello')
      const again = await caller.others[0]!.enqueue('after')

      assert.equal(await greeted.result({ timeout: '10s' }), 'greet')
      assert.equal(await again.result({ timeout: '10s' }), 'copy')
      assert.deepEqual(worker.ran, ['copy before', 'greet hello', 'copy after'])
    })
  }

  test('runs no job as another task: it was set back to how it was before', async (t) => {
    const prefix = `emptied-${++stores}`
    const worker = appOf(t, prefix, ['first', 'copy', 'greet'])
    await worker.errand.worker({ lease: '1s' }).start()
    await (await worker.first.enqueue('before')).result({ timeout: '10s' })
    await command(server.port, 'save')
    await (await worker.others[0]!.enqueue('later')).result({ timeout: '10s' })

    await server.down('SIGKILL')
    await server.up()
    const caller = appOf(t, prefix, ['greet'])
    const greeted = await caller.first.enqueue('hello')

    assert.equal(await greeted.result({ timeout: '10s' }), 'greet')
    assert.deepEqual(worker.ran, ['first before', 'copy later', 'greet hello'])
  })

  test('shows jobs as those they are, whoever remembers others', async (t) => {
    const prefix = `emptied-${++stores}`
    const [reader, writer] = [appOf(t, prefix, ['copy']), appOf(t, prefix, ['greet'])]
    await reader.first.enqueue('before')
    await command(server.port, 'flushall')

    const { id } = await writer.first.enqueue('hello')

    assert.equal((await reader.errand.job(id).info()).task, 'greet')
    const { jobs } = await reader.errand.jobs()
    assert.deepEqual(
      jobs.map(({ task }) => task),
      ['greet'],
    )
  })

  test('adds no job to it as another task', async (t) => {
    const prefix = `emptied-${++stores}`
    const [one, other] = [appOf(t, prefix, ['copy']), appOf(t, prefix, ['greet'])]
    await one.first.enqueue('before')
    await command(server.port, 'flushall')
    await other.first.enqueue('hello')

    const plain = await one.first.enqueue('after')
    const unique = await one.first.enqueue('once', { unique: 'key' })

    assert.equal((await other.errand.job(plain.id).info()).task, 'copy')
    assert.equal((await other.errand.job(unique.id).info()).task, 'copy')
  })

  test('is told again of tasks that only follow others', async (t) => {
    const prefix = `emptied-${++stores}`
    const [one, other] = [await storeOf(t, prefix), await storeOf(t, prefix)]
    const onSucceeded = { task: 'then', queue: 'default', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await one.insert([[aJob({ id: 'before', onSucceeded })]])
    await command(server.port, 'flushall')
    // What the first job is of is known again; what follows it is not.
    await other.insert([[aJob({ id: 'plain' })]])

    await one.insert([[aJob({ id: 'after', held: true, onSucceeded })]])
    await one.release([{ id: 'after', result: null }])

    const { jobs } = await one.find({})
    assert.deepEqual(jobs.map(({ task, state }) => `${task} ${state}`).toSorted(), [
      'then ready',
      'work ready',
      'work succeeded',
    ])
  })

  test('is told again of tasks that a schedule fires', async (t) => {
    const prefix = `emptied-${++stores}`
    const store = await storeOf(t, prefix)
    const tick = { name: 'nightly', at: 1, nextAt: 2 }
    const fire = (id: string) => store.schedules.fire([{ ...tick, job: aJob({ id, task: 'nightly' }) }])
    await store.schedules.put([{ name: 'nightly', rule: '{}', nextAt: 1 }])
    await fire('before')
    await command(server.port, 'flushall')
    await store.schedules.put([{ name: 'nightly', rule: '{}', nextAt: 1 }])

    assert.deepEqual(await fire('after'), ['fired'])

    const [job] = await store.get(['after'])
    assert.equal(typeof job === 'object' && job.task, 'nightly')
  })

  for (const [what, lose] of losses) {
    test(`has declared schedules again within seconds: ${what}`, async (t) => {
      const prefix = `emptied-${++stores}`
      const { errand, first } = appOf(t, prefix, ['report'])
      errand.schedule('nightly', { cron: '0 3 * * *' }, first.with('all'))
      const beat = await errand.beat().start()
      t.after(() => beat.stop())
      const names = async () => (await errand.schedules.list()).map(({ name }) => name)
      assert.deepEqual(await names(), ['nightly'])
      // Until the beat has looked at the store that will be lost.
      await sleep(1_500)

      await lose()

      while ((await names()).length === 0) await sleep(50)
      assert.deepEqual(await names(), ['nightly'])
    })
  }

  test('tells listeners that they have missed something, and goes on telling them', async (t) => {
    const prefix = `emptied-${++stores}`
    const [one, other, third] = [await storeOf(t, prefix), await storeOf(t, prefix), await storeOf(t, prefix)]
    const early = other.events({}, AbortSignal.timeout(20_000))[Symbol.asyncIterator]()
    await early.next()
    for (const id of ['x', 'y', 'z']) await one.insert([[aJob({ id })]])
    const listening = one.events({}, AbortSignal.timeout(20_000))[Symbol.asyncIterator]()
    const next = async () => {
      const { value } = (await listening.next()) as IteratorResult<StoreEvent, undefined>
      return value?.kind === 'job' ? value.event.id : value?.kind
    }
    assert.equal(await next(), 'snapshot')
    await command(server.port, 'flushall')
    // Another listener, with whom telling begins again.
    const others = third.events({}, AbortSignal.timeout(20_000))[Symbol.asyncIterator]()
    await others.next()
    await other.insert([[aJob({ id: 'd' })], [aJob({ id: 'e' })]])

    assert.deepEqual([await next(), await next(), await next()], ['lost', 'd', 'e'])
  })
})
