/** The server was away, and some are back before others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aJob, aTurn, aWorker } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

test('a worker is not taken for dead because it was in a call when leases were extended', { skip }, async (t) => {
  const env = new ManualEnv()
  const clock = () => ({ now: env.now(), monotonic: env.monotonic() })
  const store = new PostgresStore({ url: server!.url, env, clock })
  const client = new pg.Client(server!.url)
  await client.connect()
  t.after(async () => {
    await client.end()
    await store.close()
  })
  const incarnation = await store.join(aWorker())
  await store.insert([[aJob({ id: 'a' })]])
  await store.turn(aTurn({ incarnation }))
  const upkeepOneSecondLater = async () => {
    await env.advance(1_000)
    return await store.upkeep()
  }
  await store.upkeep()
  await env.advance(60_000)

  // What a resync holds while it goes.
  await client.query('begin')
  await client.query('select 1 from errand.worker for update')
  const during = await store.upkeep()
  await client.query('rollback')
  const after = [await upkeepOneSecondLater(), await upkeepOneSecondLater()]

  assert.deepEqual(
    [during, ...after].map(({ rescued }) => rescued),
    [0, 0, 0],
  )
  for (let second = 0; second < 8; second++) after.push(await upkeepOneSecondLater())
  assert.equal(after.at(-1)!.rescued + after.at(-2)!.rescued, 1, 'silence counts from then on')
})
