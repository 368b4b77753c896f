import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { StoreAwayError, StoreFullError } from '../../src/errors.ts'
import type { RedisOptions } from '../../src/index.ts'
import { script } from '../../src/store/redis/scripts.ts'
import { saying, startProxy, type Proxy } from '../proxy.ts'
import { command } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { RedisApp, untilTaken } from './redis-app.ts'
import { killAll } from './redis-scripts.ts'

const redis = await findRedis()
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index)

describe('a store on Redis, when something breaks', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer
  let proxy: Proxy
  let stores = 0

  before(async () => {
    server = await startRedis(redis!, ['--appendonly', 'yes', '--appendfsync', 'always'])
    proxy = await startProxy(server.port)
  })
  after(async () => {
    await proxy.stop()
    await server.stop()
  })

  /** With a store of its own, through the proxy. */
  function appOf(t: TestContext, options: RedisOptions = {}, held?: Promise<void>) {
    proxy.pass()
    t.after(() => proxy.pass())
    return new RedisApp(t, { url: `redis://127.0.0.1:${proxy.port}`, prefix: `faults${++stores}`, ...options }, held)
  }

  test('a restart of the server loses nothing, and workers and callers go on by themselves', async (t) => {
    const app = appOf(t)
    await app.errand.worker().start()
    await app.note.enqueueMany(numbers(100))
    await app.ran(1)

    await server.down('SIGKILL')
    const enqueued = app.note.enqueueMany(numbers(100, 100))
    await server.up()
    await enqueued
    await app.ran(200)

    assert.equal(await app.drained(), 200)
  })

  test('when only the server was away, longer than a lease, no living worker loses its jobs', async (t) => {
    const held = Promise.withResolvers<void>()
    const app = appOf(t, {}, held.promise)
    await app.errand.worker({ lease: '1s' }).start()
    const job = await app.note.enqueue(1)
    await app.ran(1)

    await server.down('SIGKILL')
    // Time itself is what is tried here: a store is called silent after four seconds at the earliest.
    await new Promise((resolve) => setTimeout(resolve, 4100))
    await server.up()
    await app.note.enqueue(2)
    await app.ran(2)
    held.resolve()

    assert.equal(await job.result({ timeout: '5s' }), 1)
    assert.deepEqual([...app.runs.values()], [1, 1])
  })

  test('a storm of killed connections loses no job and strands none (celery#8091, #10205)', async (t) => {
    const app = appOf(t)
    let [killings, enqueued] = [0, 0]
    await app.errand.worker({ concurrency: 20 }).start()

    const storm = (async () => {
      for (; killings < 15; killings++) {
        await killAll(server.port)
        await app.ran(50 * (killings + 1))
      }
    })()
    while (killings < 15) {
      await untilTaken(() => app.note.enqueueMany(numbers(100, enqueued)))
      enqueued += 100
    }
    await storm
    await app.ran(enqueued)

    assert.ok((await app.drained()) >= enqueued)
  })

  test('a worker whose connections are severed in silence runs the next job within five seconds (celery#8030, #8384)', async (t) => {
    const app = appOf(t, { commandTimeout: '3s', connectTimeout: '2s' })
    const other = appOf(t, { url: server.url, prefix: `faults${stores}` })
    await app.errand.worker().start()
    await app.note.enqueue(0)
    await app.ran(1)

    proxy.blackHole()
    const began = performance.now()
    await other.note.enqueue(1)
    // What is new passes: only what was there is dead.
    proxy.pass()
    await app.ran(2)

    assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`)
  })

  test('who waits for a result hears it, though severed in silence before it was there', async (t) => {
    const held = Promise.withResolvers<void>()
    const caller = appOf(t)
    const other = appOf(t, { url: server.url, prefix: `faults${stores}` }, held.promise)
    await other.errand.worker().start()
    const job = await caller.note.enqueue(1)
    const result = job.result({ timeout: '10s' })
    await other.ran(1)

    proxy.blackHole()
    held.resolve()
    await other.drained()
    const began = performance.now()
    proxy.pass()

    assert.equal(await result, 1)
    assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`)
  })

  test('an insert whose reply was lost is repeated, and is one job', async (t) => {
    const app = appOf(t)
    await warm(app)

    const cut = proxy.cutBeforeReply(saying(script('insert-plain').sha1))
    const handle = await app.note.enqueue(7)
    await cut
    await app.errand.worker().start()

    assert.equal(await handle.result({ timeout: '5s' }), 7)
    assert.deepEqual(
      [...app.runs],
      [
        [-1, 1],
        [7, 1],
      ],
    )
  })

  test('the jobs of a turn whose reply was lost are run once, and none is stranded (celery#1392, #1789)', async (t) => {
    const app = appOf(t)
    await warm(app)
    await app.note.enqueueMany(numbers(50))

    const worker = app.errand.worker()
    const cut = proxy.cutBeforeReply(saying(script('turn').sha1))
    await worker.start()
    await cut
    await app.ran(51)

    assert.equal(await app.drained(), 51)
    assert.deepEqual(new Set(app.runs.values()), new Set([1]))
  })

  test('a settlement whose reply was lost is recorded, and the job is not run again', async (t) => {
    const held = Promise.withResolvers<void>()
    const app = appOf(t, {}, held.promise)
    await app.errand.worker().start()
    const handle = await app.note.enqueue(1)
    await app.ran(1)

    const cut = proxy.cutBeforeReply(saying(script('turn').sha1))
    held.resolve()
    await cut

    assert.equal(await handle.result({ timeout: '5s' }), 1)
    assert.equal(await app.drained(), 1)
    assert.deepEqual([...app.runs], [[1, 1]])
  })

  test('enqueueing with the server away fails within its time and says so (celery#4296, #6911, kombu#1463)', async (t) => {
    const app = appOf(t, { waitForServer: 200 })
    await app.errand.open()
    proxy.refuse()
    await app.errand.queues().catch(() => {})

    const began = performance.now()
    await assert.rejects(app.note.enqueue(1), StoreAwayError)

    assert.ok(performance.now() - began < 2000)
  })

  test('enqueueing with the server away waits if told to', async (t) => {
    const app = appOf(t, { waitForServer: '1h' })
    await app.errand.open()
    proxy.refuse()

    const enqueued = app.note.enqueue(1)
    proxy.pass()

    assert.equal(await (await enqueued).state(), 'ready')
  })

  test('an app whose server is away at the start fails clearly, and works once it is there', async (t) => {
    const app = appOf(t, { waitForServer: 200 })
    proxy.refuse()

    await assert.rejects(app.note.enqueue(1), StoreAwayError)
    proxy.pass()
    const handle = await app.note.enqueue(1)

    assert.equal(await handle.state(), 'ready')
  })

  test('when the memory is full, enqueueing is refused whole, and what runs can still end', async (t) => {
    const held = Promise.withResolvers<void>()
    const app = appOf(t, {}, held.promise)
    t.after(() => command(server.port, 'config', 'set', 'maxmemory', 0).then(() => {}))
    await app.errand.worker().start()
    const running = await app.note.enqueue(1)
    await app.ran(1)
    await command(server.port, 'config', 'set', 'maxmemory', 1)

    await assert.rejects(app.note.enqueueMany(numbers(50, 100)), StoreFullError)
    const [queue] = await app.errand.queues()
    held.resolve()
    const result = await running.result({ timeout: '5s' })

    assert.deepEqual([queue!.states.ready ?? 0, result], [0, 1])
  })

  test('the scripts are sent again after the server has forgotten them, in the midst of work', async (t) => {
    const app = appOf(t)
    await app.errand.worker().start()
    for (const number of numbers(20)) {
      await app.note.enqueue(number)
      await command(server.port, 'script', 'flush')
    }
    await app.ran(20)

    assert.equal(await app.drained(), 20)
    assert.deepEqual(new Set(app.runs.values()), new Set([1]))
  })

  test('doctor is told what the server does with jobs', async (t) => {
    const app = appOf(t)

    const found = await app.errand.inspect()

    assert.equal((await app.errand.open()).capabilities.durability, 'power')
    assert.match(found.find(({ subject }) => subject === 'durability')!.detail, /survive a power cut/)
  })
})

/** Has the server know the scripts: one that is unknown is answered without being run. */
async function warm(app: RedisApp): Promise<void> {
  const worker = await app.errand.worker().start()
  await (await app.note.enqueue(-1)).result()
  await worker.stop()
}
