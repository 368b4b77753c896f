import assert from 'node:assert/strict'
import { after, describe, test, type TestContext } from 'node:test'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { findRedis, startRedis } from '../servers.ts'

/** A list that already has a million places, all of them of waiters that are gone. */
const pad = `for n = 1, 1000 do
  local many = {}
  for m = 1, 1000 do many[m] = ARGV[1] end
  redis.call('LPUSH', KEYS[1], unpack(many))
end`

const program = await findRedis()

if (program !== undefined) await waiters(program)

async function waiters(program: string) {
  const server = await startRedis(program)
  after(() => server.stop())

  async function opened(t: TestContext) {
    const connection = await openConnection({ url: server.url, prefix: t.name.replaceAll(' ', '-') })
    const store = new RedisStore(connection)
    t.after(() => store.close())
    return { connection, store }
  }

  describe('waiters on redis', () => {
    test('one behind a million others is told what became of its member', async (t) => {
      const { connection, store } = await opened(t)
      const worker = await store.join(aWorker())
      // More than are told along with the end itself.
      const ids = Array.from({ length: 300 }, (_, n) => `waiter-${n}`)
      await store.insert([[aJob({ id: 'member' })]])
      for (const id of ids) await store.insert([[aJob({ id, after: { on: ['member'], otherwise: 'cancel' } })]])
      const [list] = (await connection.command('keys', `{${connection.prefix}}:waiters:*`)) as string[]
      const [entry] = (await connection.command('lrange', list!, 0, 0)) as string[]
      await connection.command('eval', pad, 1, list!, entry!.replace(/.$/, 'gone'))

      const claimed = await store.turn(aTurn({ incarnation: worker }))
      assert.ok(!claimed.gone)
      await store.turn(aTurn({ incarnation: worker, settled: [aSettlement(claimed.claimed[0]!, succeeded)], room: [] }))
      for (let more = true; more;) more = (await store.upkeep({ spread: 100_000 })).more

      const [counts] = await store.counts()
      assert.deepEqual([counts?.states.blocked, counts?.states.ready], [0, ids.length])
    })
  })
}
