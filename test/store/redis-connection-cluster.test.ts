import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { Cluster } from 'ioredis'
import { StoreBusyError } from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import type { RedisOptions } from '../../src/store/redis/connection/options.ts'
import { command, moveSlot, prefixesByMaster, startCluster, until, type RedisCluster } from '../redis-servers.ts'
import { findRedis } from '../servers.ts'
import { both, count, untilAnswered } from './redis-scripts.ts'

const redis = await findRedis()

describe('a connection to a Redis Cluster', { skip: !redis && 'no Redis server' }, () => {
  let cluster: RedisCluster
  let prefixes: readonly string[]

  before(async () => {
    cluster = await startCluster(redis!)
    prefixes = await prefixesByMaster(cluster)
  })
  after(() => cluster.stop())

  async function opened(t: TestContext, prefix: string, options: RedisOptions = { url: cluster.url }) {
    const connection = await openConnection({ prefix, waitForServer: '10s', ...options })
    t.after(() => connection.close())
    return connection
  }

  test('each store finds the master of its keys, also from a single node of the cluster (celery#9436, #2852)', async (t) => {
    for (const [index, prefix] of prefixes.entries()) {
      const connection = await opened(t, prefix, { url: `redis://127.0.0.1:${cluster.nodes[3].port}/?cluster` })

      await connection.call(count, `{${prefix}}:n`, [1])

      assert.equal(await command(cluster.nodes[index]!.port, 'get', `{${prefix}}:n`), '1')
    }
  })

  test("a user's own Cluster client gives the nodes", async (t) => {
    const client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[1].port }], { lazyConnect: true })
    const connection = await opened(t, prefixes[2]!, { client })

    assert.equal(await connection.call(count, `{${prefixes[2]}}:own`, [1]), 1)
    assert.equal(client.status, 'wait')
  })

  test('while a slot moves, calls are refused before they begin; then they follow it', async (t) => {
    const prefix = prefixes[1]!
    const [connection, hasty] = [
      await opened(t, prefix),
      await opened(t, prefix, { url: cluster.url, waitForServer: 100 }),
    ]
    const key = `{${prefix}}:both`
    const { slot } = await cluster.place(key)
    const [from, to] = [cluster.nodes[1], cluster.nodes[2]]
    for (const part of ['a', 'b', 'c']) await connection.call(both, key, [part])

    const move = await moveSlot(cluster, slot, from, to)
    const left = await move.keys(2)
    const refused = await hasty.call(both, key, ['a']).catch((error: unknown) => error)
    const waiting = connection.call(both, key, ['a'])
    await move.keys(100)
    await move.finish()

    assert.ok(left > 0, 'the slot was half way')
    assert.ok(refused instanceof StoreBusyError, String(refused))
    assert.deepEqual(await waiting, [4, 2])
    assert.equal(await command(to.port, 'get', key), '4')
  })

  test('when a master dies its replica is followed, and the other stores do not notice', async (t) => {
    const [first, second] = [await opened(t, prefixes[0]!), await opened(t, prefixes[1]!)]
    const again = new Promise<void>((resolve) => first.onReconnect(resolve))
    const said = Promise.withResolvers<string>()
    await first.subscribe([`{${prefixes[0]}}:news`], (_, message) => said.resolve(message))
    await first.call(count, `{${prefixes[0]}}:died`, [1])
    const replica = cluster.nodes[3]
    await until('the replica has it', async () => {
      const [, , , state, offset] = (await command(replica.port, 'role')) as unknown[]
      const primary = (await command(cluster.nodes[0].port, 'role')) as unknown[]
      return state === 'connected' && offset === primary[1]
    })

    await cluster.nodes[0].down('SIGKILL')
    const other = await second.call(count, `{${prefixes[1]}}:calm`, [1])
    const next = await untilAnswered(() => first.call(count, `{${prefixes[0]}}:died`, [1]))
    await again
    await first.command('publish', `{${prefixes[0]}}:news`, 'hello')

    assert.equal(other, 1)
    assert.ok(next === 2 || next === 3)
    assert.equal(await said.promise, 'hello')
  })
})
