/** Tens of thousands of calls at once, as one `Promise.all` makes them. */
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import type { RedisOptions } from '../../src/store/redis/connection/options.ts'
import { startProxy, type Proxy } from '../proxy.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { count } from './redis-scripts.ts'

const redis = await findRedis()

describe('very many calls to Redis at once', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer
  let proxy: Proxy

  before(async () => {
    server = await startRedis(redis!)
    proxy = await startProxy(server.port)
  })
  after(() => Promise.all([proxy.stop(), server.stop()]))

  async function opened(t: TestContext, options: RedisOptions = {}) {
    const connection = await openConnection({ url: `redis://127.0.0.1:${proxy.port}`, ...options })
    t.after(() => connection.close())
    return connection
  }

  test('each is carried out once, and has its answer', async (t) => {
    const connection = await opened(t)
    const calls = Array.from({ length: 20_000 }, () => connection.call(count, 'all', [1]))

    const answers = await Promise.all(calls)

    assert.equal(new Set(answers).size, calls.length)
  })

  test('of those that had to wait for others nobody need doubt whether they have happened', async (t) => {
    const connection = await opened(t, { connectTimeout: '1s', commandTimeout: '1s', waitForServer: '2s' })
    await connection.call(count, 'silent', [1])
    proxy.blackHole()

    const ends = await Promise.allSettled(Array.from({ length: 5000 }, () => connection.call(count, 'silent', [1])))

    const codes = ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : 'answered'))
    const unknown = codes.filter((code) => code === 'UNKNOWN_OUTCOME').length
    assert.ok(unknown > 0 && unknown <= 1000, `${unknown} of unknown outcome`)
    assert.deepEqual(new Set(codes), new Set(['UNKNOWN_OUTCOME', 'STORE_AWAY']))
  })
})
