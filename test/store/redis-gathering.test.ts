import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { findRedis, startRedis } from '../servers.ts'

const program = await findRedis()

if (program !== undefined) await gathering(program)

async function gathering(program: string) {
  const server = await startRedis(program)
  after(() => server.stop())

  describe('gathering on redis', () => {
    test('a batch is as large as one call may settle, and goes as soon as so many are there', async (t) => {
      const connection = await openConnection({ url: server.url })
      const store = new RedisStore(connection)
      t.after(() => store.close())
      const most = store.limits.jobsPerCall
      const worker = await store.join(aWorker())
      const lane = { name: 'l', slots: 1, gather: { size: 1_000, waitMs: 3_600_000 } }
      const insert = (count: number) => store.insert([Array.from({ length: count }, () => aJob({ lane }))])
      const claim = async () => {
        const answer = await store.turn(aTurn({ incarnation: worker }))
        return answer.gone ? [] : answer.claimed
      }

      await insert(most - 1)
      const early = await claim()
      await insert(1)
      const claimed = await claim()
      const settled = claimed.map((job) => aSettlement(job, succeeded))
      const answer = await store.turn(aTurn({ incarnation: worker, settled }))

      assert.deepEqual([early.length, claimed.length, new Set(claimed.map(({ leader }) => leader)).size], [0, most, 1])
      assert.deepEqual(!answer.gone && [answer.stale, answer.claimed], [[], []])
    })
  })
}
