import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { UnknownOutcomeError } from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import type { RedisOptions } from '../../src/store/redis/connection/options.ts'
import { startProxy, type Proxy } from '../proxy.ts'
import { command, replicate, startSentinel, until } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { RedisApp, untilTaken } from './redis-app.ts'
import { add, count, untilAnswered } from './redis-scripts.ts'

const redis = await findRedis()

describe('a connection to Redis with replicas', { skip: !redis && 'no Redis server' }, () => {
  /** The client and the replica each reach the primary through a proxy of their own. */
  async function pair(t: TestContext) {
    const [primary, replica] = await Promise.all([startRedis(redis!), startRedis(redis!)])
    const [front, link] = [await startProxy(primary.port), await startProxy(primary.port)]
    await replicate(replica, link.port)
    t.after(() => Promise.all([primary, replica, front, link].map((each) => each.stop())))

    return { primary, replica, front, link }
  }

  async function opened(t: TestContext, options: RedisOptions) {
    const connection = await openConnection({ commandTimeout: 1000, connectTimeout: 500, ...options })
    t.after(() => connection.close())
    return connection
  }

  /** The replica has lost the primary in silence, then the primary dies and the replica takes over. */
  async function failOver({ primary, replica, front }: { primary: RedisServer; replica: RedisServer; front: Proxy }) {
    await primary.down('SIGKILL')
    await command(replica.port, 'replicaof', 'no', 'one')
    front.target(replica.port)
    front.cut()
  }

  /** The members of the set of this name that were acknowledged, of so many tries. */
  async function acknowledged(connection: Awaited<ReturnType<typeof opened>>, from: number, tries: number) {
    const ids = Array.from({ length: tries }, (_, index) => String(from + index))
    const answers = await Promise.allSettled(ids.map((id) => connection.call(add, 'jobs', [id], { acknowledge: true })))
    for (const answer of answers)
      assert.ok(answer.status === 'fulfilled' || answer.reason instanceof UnknownOutcomeError)

    return ids.filter((_, index) => answers[index]!.status === 'fulfilled')
  }

  test('with `wait`, nothing that was acknowledged is lost when the replica takes over, its link cut before', async (t) => {
    const servers = await pair(t)
    const connection = await opened(t, { url: `redis://127.0.0.1:${servers.front.port}`, wait: 1 })

    const before = await acknowledged(connection, 0, 50)
    servers.link.blackHole()
    const during = await acknowledged(connection, 50, 50)
    await failOver(servers)
    const kept = (await command(servers.replica.port, 'smembers', 'jobs')) as string[]

    assert.ok(before.length > 0)
    assert.deepEqual([during, before.filter((id) => !kept.includes(id))], [[], []])
    assert.equal(connection.durability, 'replicated')
  })

  test('without a replica, `wait` has enqueueing fail with what was missing', async (t) => {
    const server = await startRedis(redis!)
    t.after(() => server.stop())
    const app = new RedisApp(t, { url: server.url, wait: 1, commandTimeout: 100 })
    const missing = { code: 'UNKNOWN_OUTCOME', message: /took was confirmed in time by 0 of 1 replicas \(see `wait`\)/ }

    await assert.rejects(app.note.enqueue(1), missing)
    await assert.rejects(app.note.enqueue(2, { unique: 'once' }), missing)
  })

  test('without `wait`, what was acknowledged after the link was cut is lost', async (t) => {
    const servers = await pair(t)
    const connection = await opened(t, { url: `redis://127.0.0.1:${servers.front.port}` })

    const before = await acknowledged(connection, 0, 50)
    await until('the replica has them', async () => (await command(servers.replica.port, 'scard', 'jobs')) === 50)
    servers.link.blackHole()
    const during = await acknowledged(connection, 50, 50)
    await failOver(servers)
    const kept = (await command(servers.replica.port, 'smembers', 'jobs')) as string[]

    assert.deepEqual([before.length, during.length, kept.length], [50, 50, 50])
  })

  test('what is repeated on a new connection is not acknowledged before a replica has it', async (t) => {
    const { front, link, replica } = await pair(t)
    const connection = await opened(t, { url: `redis://127.0.0.1:${front.port}`, wait: 1 })
    link.blackHole()

    await assert.rejects(connection.call(add, 'jobs', ['a'], { acknowledge: true }), UnknownOutcomeError)
    front.cut()
    await connection.command('ping').catch(() => connection.command('ping'))
    const repeated = connection.call(add, 'jobs', ['a'], { acknowledge: true })

    await assert.rejects(repeated, /confirmed in time by 0 of 1 replicas \(see `wait`\)/)
    assert.equal(await command(replica.port, 'scard', 'jobs'), 0)
  })

  test('jobs that were acknowledged with `wait` all run after a failover with the link cut', async (t) => {
    const servers = await pair(t)
    const app = new RedisApp(t, { url: `redis://127.0.0.1:${servers.front.port}`, wait: 1 })
    await app.note.enqueueMany([1, 2, 3])

    servers.link.blackHole()
    await assert.rejects(app.note.enqueueMany([4, 5]), { outcome: 'unknown' })
    await failOver(servers)
    await app.errand.worker().start()
    await app.ran(3)
    await app.errand.close()

    assert.deepEqual(new Set(app.runs.keys()), new Set([1, 2, 3]))
  })

  test('a job whose end only the dead primary knew of runs again, though its worker lives', async (t) => {
    const servers = await pair(t)
    const held = Promise.withResolvers<void>()
    const app = new RedisApp(t, { url: `redis://127.0.0.1:${servers.front.port}` }, held.promise)
    await app.errand.worker().start()
    const job = await app.note.enqueue(1)
    await app.ran(1)
    const drawer = `{errand}:running:${job.id.slice(0, 10)}`
    const knows = async () => (await command(servers.replica.port, 'hexists', drawer, job.id)) === 1
    await until('the replica knows that it runs', knows)

    servers.link.blackHole()
    held.resolve()
    await job.result({ timeout: '5s' })
    await failOver(servers)
    await until('it has run again', async () => app.runs.get(1) === 2)

    assert.equal(await app.drained(), 1)
  })

  test('a replica is not taken for the server, and says so', async (t) => {
    const { replica } = await pair(t)

    await assert.rejects(openConnection({ url: replica.url, waitForServer: 200 }), /it is a replica.*its master/)
  })

  test('a server that is made a replica is left for its successor', async (t) => {
    const { primary, replica, front } = await pair(t)
    const connection = await opened(t, { url: `redis://127.0.0.1:${front.port}` })
    await connection.call(count, 'n', [1])
    await until('the replica has it', async () => (await command(replica.port, 'get', 'n')) === '1')

    await command(replica.port, 'replicaof', 'no', 'one')
    front.target(replica.port)
    await replicate(primary, replica.port)

    assert.equal(await connection.call(count, 'n', [1]), 2)
    assert.equal(await command(replica.port, 'get', 'n'), '2')
  })

  test('Sentinels are followed to the new primary, calls and listeners both, though one of them is away', async (t) => {
    const { primary, replica, front, link } = await pair(t)
    await replicate(replica, primary.port)
    const sentinel = await startSentinel(redis!, primary, 'main')
    t.after(() => sentinel.stop())
    await until('the Sentinel knows the replica', async () => {
      return ((await command(sentinel.port, 'sentinel', 'replicas', 'main')) as unknown[]).length === 1
    })
    const url = `redis://127.0.0.1:${front.port},127.0.0.1:${sentinel.port}/?sentinel=main`
    front.refuse()
    link.refuse()
    const connection = await opened(t, { url, waitForServer: '20s' })
    const again = new Promise<void>((resolve) => connection.onReconnect(resolve))
    const said = Promise.withResolvers<string>()
    await connection.subscribe(['news'], (_, message) => said.resolve(message))
    await connection.call(count, 'n', [1])
    await until('the replica has it', async () => (await command(replica.port, 'get', 'n')) === '1')

    await primary.down('SIGKILL')
    const next = await untilAnswered(() => connection.call(count, 'n', [1]))
    await again
    await command(replica.port, 'publish', 'news', 'hello')

    assert.ok(next === 2 || next === 3)
    assert.equal(await said.promise, 'hello')
  })

  test('workers and callers go on by themselves after a failover by Sentinel (celery#5538, #9019)', async (t) => {
    const { primary, replica, link } = await pair(t)
    await replicate(replica, primary.port)
    link.refuse()
    const sentinel = await startSentinel(redis!, primary, 'main')
    t.after(() => sentinel.stop())
    await until('the Sentinel knows the replica', async () => {
      return ((await command(sentinel.port, 'sentinel', 'replicas', 'main')) as unknown[]).length === 1
    })
    const app = new RedisApp(t, { url: sentinel.url, waitForServer: '20s' })
    await app.errand.worker().start()
    await app.note.enqueue(1)
    await app.ran(1)

    await primary.down('SIGKILL')
    await untilTaken(() => app.note.enqueueMany([2, 3]))
    await app.ran(3)
    await app.errand.close()

    assert.ok(((await command(replica.port, 'role')) as string[])[0] === 'master')
  })
})
