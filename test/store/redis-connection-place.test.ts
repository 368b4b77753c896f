import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test, type TestContext } from 'node:test'
import { StoreRefusedError } from '../../src/errors.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { command } from '../redis-servers.ts'
import { findRedis, startRedis, type RedisServer } from '../servers.ts'
import { count } from './redis-scripts.ts'

const redis = await findRedis()

describe('where a connection to Redis goes', { skip: !redis && 'no Redis server' }, () => {
  let server: RedisServer

  before(async () => {
    server = await startRedis(redis!)
  })
  after(() => server.stop())

  async function opened(t: TestContext, url: string) {
    const connection = await openConnection({ url })
    t.after(() => connection.close())
    return connection
  }

  test('a database that the server does not have is refused, and never taken for the first one', async () => {
    const opening = openConnection({ url: `${server.url}/99` })

    await assert.rejects(opening, (error: Error) => {
      assert.ok(error instanceof StoreRefusedError)
      assert.match(error.message, /DB index.*Database 99 was asked for, and the server has 16: 0 to 15\. Choose/)
      return true
    })
  })

  test('a database that the user may not choose is refused as well', async () => {
    await command(server.port, 'acl', 'setuser', 'first', 'on', '>secret', '~*', '&*', '+@all', '-select')

    const opening = openConnection({ url: `${server.url.replace('//', '//first:secret@')}/3` })

    await assert.rejects(opening, /NOPERM.*Give the user the right to it/)
  })

  test('jobs of one database are not seen from another', async (t) => {
    const [third, first] = [await opened(t, `${server.url}/3`), await opened(t, server.url)]

    await third.call(count, 'third', [1])

    assert.deepEqual([await third.command('dbsize'), await first.command('exists', 'third')], [1, 0])
  })

  test('a host that is not known, or a port that speaks no Redis, is to be checked', async (t) => {
    const web = createServer().listen(0, '127.0.0.1')
    t.after(() => void web.close())
    await once(web, 'listening')
    const { port } = web.address() as AddressInfo
    const opening = (at: string) => openConnection({ url: `redis://${at}`, waitForServer: 300 })

    const unknown = /errand\.invalid:6379, .*no host of that name is known: check host and port/
    await assert.rejects(opening('errand.invalid'), unknown)
    await assert.rejects(opening(`127.0.0.1:${port}`), /127\.0\.0\.1:\d+, .*does not speak Redis: check host and port/)
  })
})
