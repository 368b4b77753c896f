/** A store at work while its server goes, comes back and falls silent. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Errand, postgresStore, type PostgresOptions } from '../../src/index.ts'
import { saying, startProxy } from '../proxy.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'
let schemas = 0

async function anApp(t: TestContext, options: PostgresOptions = {}) {
  const proxy = await startProxy(server!.port)
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`
  const impatient = { connectTimeout: 500, commandTimeout: 500, waitForServer: 500 }
  const errand = new Errand({ store: postgresStore({ url, schema: `app_${++schemas}`, ...impatient, ...options }) })
  const ran: string[] = []
  const task = errand.task('task', ({ id }: { id: string }, job) => void ran.push(`${id} ${job.attempt}`))
  t.after(async () => {
    await errand.close()
    await proxy.stop()
  })

  return { proxy, errand, task, ran }
}

test('enqueueing with the server away fails in its time, and with an error that says so', { skip }, async (t) => {
  const { proxy, errand, task } = await anApp(t)
  await errand.open()
  proxy.refuse()
  // What is sent over a connection that is cut meanwhile may have arrived.
  await errand.queues().catch(() => {})

  await assert.rejects(task.enqueue({ id: 'a' }), { code: 'STORE_AWAY', outcome: 'none' })
  proxy.blackHole()
  await assert.rejects(task.enqueue({ id: 'b' }), { code: 'STORE_AWAY', outcome: 'none' })
  proxy.pass()
  await task.enqueue({ id: 'c' })

  assert.equal((await errand.jobs()).jobs.length, 1)
})

test('told to wait, enqueueing waits until the server is back', { skip }, async (t) => {
  const { proxy, errand, task } = await anApp(t, { waitForServer: '20s' })
  await errand.open()
  proxy.refuse()

  const enqueued = task.enqueue({ id: 'a' })
  setTimeout(() => proxy.pass(), 50)

  assert.equal(await (await enqueued).state(), 'ready')
})

test('who waits for a result waits through an outage, and no longer than asked', { skip }, async (t) => {
  const { proxy, errand, task } = await anApp(t)
  const job = await task.enqueue({ id: 'a' })

  const result = job.result({ timeout: '30s' })
  const late = assert.rejects(job.result({ timeout: '2s' }), { code: 'RESULT_TIMEOUT' })
  await job.state()
  proxy.refuse()
  // Whichever is on a connection that was cut fails at once.
  await assert.rejects(job.state())
  // A call that begins now and fails shows that the server was away for longer than a call waits.
  await assert.rejects(job.state(), { code: 'STORE_AWAY' })
  await late
  proxy.pass()
  await errand.worker().start()

  assert.equal(await result, null)
})

test('an enqueue whose answer was cut off is repeated, and is one job', { skip }, async (t) => {
  const { proxy, errand, task, ran } = await anApp(t)
  await errand.open()

  const cut = proxy.cutBeforeReply(saying('insert_plain'))
  const job = await task.enqueue({ id: 'a' })
  await cut
  await errand.worker().start()
  await job.result({ timeout: '10s' })

  assert.deepEqual(ran, ['a 1'])
  assert.equal((await errand.jobs()).jobs.length, 1)
})

test('a worker is not deaf after its connections were cut, and runs what comes', { skip }, async (t) => {
  const { proxy, errand, task, ran } = await anApp(t, { waitForServer: '5s' })
  await errand.worker().start()
  await (await task.enqueue({ id: 'before' })).result({ timeout: '10s' })

  proxy.cut()
  await (await task.enqueue({ id: 'after' })).result({ timeout: '10s' })

  assert.deepEqual(ran, ['before 1', 'after 1'])
})

test('a worker whose connections fall silent goes on over new ones', { skip, timeout: 30_000 }, async (t) => {
  const { proxy, errand, task, ran } = await anApp(t, { waitForServer: '5s' })
  await errand.worker().start()
  await (await task.enqueue({ id: 'before' })).result({ timeout: '10s' })

  proxy.blackHole()
  proxy.pass()
  const job = await task.enqueue({ id: 'after' })
  await job.result({ timeout: '20s' })

  assert.deepEqual(ran, ['before 1', 'after 1'])
})

test(
  'a worker whose connections fall silent is back before its lease is over, and keeps its jobs',
  { skip, timeout: 30_000 },
  async (t) => {
    const options = { commandTimeout: '1s', waitForServer: '5s' } as const
    const { proxy, errand } = await anApp(t, options)
    const other = new Errand({ store: postgresStore({ url: server!.url, schema: `app_${schemas}` }) })
    t.after(() => other.close())
    const [started, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const hold = errand.task('hold', async () => {
      started.resolve()
      await held.promise
    })
    await errand.worker({ lease: '2s' }).start()
    other.task('other', { queue: 'other' }, () => {})
    await other.worker({ lease: '2s' }).start()
    const job = await hold.enqueue()
    await started.promise

    proxy.blackHole()
    proxy.pass()
    // Time itself is what is tried here: two leases.
    await new Promise((resolve) => setTimeout(resolve, 4000))
    held.resolve()
    await job.result({ timeout: '20s' })

    assert.equal((await errand.jobs()).jobs[0]!.crashes, 0)
  },
)

test(
  'a restart of the server in the middle of it loses nothing and doubles nothing',
  { skip, timeout: 30_000 },
  async (t) => {
    const { errand, task, ran } = await anApp(t, { waitForServer: '10s', commandTimeout: '5s' })
    await errand.worker({ concurrency: 5 }).start()
    const ids = Array.from({ length: 300 }, (_, n) => ({ id: `${n}` }))

    const first = await task.enqueueMany(ids.slice(0, 150))
    const restarted = server!.restart()
    const rest = await Promise.all(ids.slice(150).map((input) => task.enqueue(input)))
    await restarted
    await Promise.all([...first, ...rest].map((job) => job.result({ timeout: '20s' })))

    assert.deepEqual(new Set(ran.map((each) => each.split(' ')[0])).size, 300)
    assert.equal(ran.length, 300)
  },
)
