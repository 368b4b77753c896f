/** What a worker that has nothing to do asks of its server, counted by the server. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Errand } from '../../src/index.ts'
import { command } from '../redis-servers.ts'
import { findPostgres, findRedis, startPostgres, startRedis } from '../servers.ts'

const [redis, postgres] = [await findRedis(), await findPostgres()]

/** Time itself is what is measured here: a worker has settled by then, and asks a few times in the seconds after. */
const [settledMs, quietSeconds] = [1_500, 3]
const mostPerSecond = 7

/** How many of these the server counts in a second of a worker that has had a job, and waits for another. */
async function perSecond(t: TestContext, store: string, counted: () => Promise<number>): Promise<number> {
  const errand = new Errand({ store })
  const task = errand.task('task', () => 'ran')
  t.after(() => errand.close())
  await errand.worker().start()
  const job = await task.enqueue()
  await job.result()
  await sleep(settledMs)

  const before = await counted()
  await sleep(quietSeconds * 1000)
  return ((await counted()) - before) / quietSeconds
}

test('an idle worker asks Redis for a few commands a second', { skip: !redis && 'no Redis server' }, async (t) => {
  const server = await startRedis(redis!)
  t.after(() => server.stop())

  /** What scripts call is counted by the server too, and does not come over the network. */
  const asked = async () => {
    const stats = String(await command(server.port, 'info', 'commandstats'))
    const calls = [...stats.matchAll(/^cmdstat_(?:eval|evalsha|ping|subscribe):calls=(\d+)/gm)]
    return calls.reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const rate = await perSecond(t, server.url, asked)

  assert.ok(rate > 0 && rate <= mostPerSecond, `${rate} a second`)
})

test(
  'an idle worker asks PostgreSQL for a few transactions a second',
  { skip: !postgres && 'no PostgreSQL server' },
  async (t) => {
    const server = await startPostgres(postgres!, ['fsync=off', 'autovacuum=off'])
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    t.after(async () => {
      await client.end()
      await server.stop()
    })

    const ended = async () => {
      const { rows } = await client.query<{ ended: string }>(
        'select xact_commit + xact_rollback as ended from pg_stat_database where datname = current_database()',
      )
      return Number(rows[0]!.ended)
    }

    const rate = await perSecond(t, server.url, ended)

    assert.ok(rate > 0 && rate <= mostPerSecond, `${rate} a second`)
  },
)
