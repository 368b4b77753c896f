/** Processes of this version beside a schema of the next one, on every engine that keeps one. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import type { Store } from '../../src/store/store.ts'
import { migrationsIn } from '../../src/store/migrations.ts'
import { migrate as migratePostgres, migrationsFolder } from '../../src/store/postgres/migrate.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { openConnection } from '../../src/store/redis/connection/open-connection.ts'
import { RedisStore } from '../../src/store/redis/redis.ts'
import { migrate as migrateSqlite, migrations } from '../../src/store/sqlite/migrate.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'
import { findRedis, startRedis } from '../servers.ts'
import { aStore } from './sqlite-files.ts'

const server = await aPostgres()
const redisProgram = await findRedis()
const redisServer = redisProgram === undefined ? undefined : await startRedis(redisProgram)
after(() => redisServer?.stop())
let stores = 0

interface Versioned {
  /** A store of this version. */
  readonly open: () => Promise<Store>
  /** Brings the store to a version after ours by a step that others can live with, or cannot. */
  readonly advance: (others: 'live with it' | 'cannot') => Promise<void>
  /** What that step has added and nobody of this version may have touched. */
  readonly added: () => Promise<unknown>
}

/** What the rule allows: new tables and indexes, and on PostgreSQL a function that answers as it did. */
const mild = {
  sqlite: `create table errand_colour (job integer primary key, name text not null);
    create index errand_by_rank on errand_job (rank)`,
  postgres: `create table errand.colour (job bigint primary key, name text not null);
    create index by_rank on errand.body (rank);
    create or replace function errand.number_of(p_id text) returns bigint language sql as $$
      select no from errand.body where id = p_id and no > 0
    $$`,
}

async function sqlite(t: TestContext): Promise<Versioned> {
  const first = aStore(t)
  await first.counts()
  const db = new DatabaseSync(first.path, { timeout: 5_000 })
  t.after(() => db.close())
  const ours = migrations().at(-1)!.version

  return {
    open: async () => aStore(t, { path: first.path }),
    advance: async (others) => {
      const next = { version: ours + 1, file: 'next', sql: mild.sqlite, oldest: oldestOf(ours, others) }
      migrateSqlite(db, first.path, [...migrations(), next])
    },
    added: async () => db.prepare('select * from errand_colour').all(),
  }
}

async function postgres(t: TestContext): Promise<Versioned> {
  const connection = await aConnection(t, { url: server!.url })
  const schema = `versions_${++stores}`
  const known = migrationsIn(migrationsFolder)
  const ours = known.at(-1)!.version
  const open = async () => {
    const store = new PostgresStore({ url: server!.url, schema })
    t.after(() => store.close())
    return store
  }
  await (await open()).counts()

  return {
    open,
    advance: async (others) => {
      const next = { version: ours + 1, file: 'next', sql: mild.postgres, oldest: oldestOf(ours, others) }
      await migratePostgres(connection, schema, [...known, next])
    },
    added: () => connection.query(`select * from ${schema}.colour`),
  }
}

async function redis(t: TestContext): Promise<Versioned> {
  const prefix = `versions-${++stores}`
  const client = new Redis(redisServer!.url)
  t.after(() => client.disconnect())
  const meta = `{${prefix}}:meta`
  const open = async () => {
    const store = new RedisStore(await openConnection({ url: redisServer!.url, prefix }))
    t.after(() => store.close())
    return store
  }
  await (await open()).insert([[aJob({ id: 'first', queue: 'other' })]])
  const ours = Number((await client.hget(meta, 'layout'))!.split(' ')[0])

  return {
    open,
    advance: async (others) => {
      await client.hset(meta, 'layout', `${ours + 1} ${oldestOf(ours, others)}`, 'colour', 'red')
    },
    // Whoever lives with it leaves it at the version it has.
    added: async () =>
      (await client.hmget(meta, 'layout', 'colour')).join() === `${ours + 1} ${ours},red` ? [] : 'something else',
  }
}

const oldestOf = (ours: number, others: 'live with it' | 'cannot') => (others === 'cannot' ? ours + 1 : ours)

async function works(store: Store, prefix: string): Promise<void> {
  const id = (name: string) => `${prefix} ${name}`
  const incarnation = await store.join(aWorker({ queues: [prefix] }))
  const room = [{ queues: [prefix], jobs: 10, bottomUp: 0 }]
  await store.insert([
    [
      aJob({ id: id('plain'), queue: prefix }),
      aJob({ id: id('keyed'), queue: prefix, unique: { key: prefix, scope: 'active', onConflict: 'keep' } }),
      aJob({ id: id('laned'), queue: prefix, lane: { name: prefix, slots: 1 } }),
      aJob({ id: id('waiting'), queue: prefix, after: { on: [id('plain')], otherwise: 'cancel' } }),
    ],
  ])
  let settled: string[] = []
  for (let round = 0; round < 5 && settled.length < 4; round++) {
    const turn = await store.turn(aTurn({ incarnation, room }))
    assert.ok(!turn.gone)
    await store.turn(
      aTurn({ incarnation, room: [], settled: turn.claimed.map((claim) => aSettlement(claim, succeeded)) }),
    )
    settled = [...settled, ...turn.claimed.map((claim) => claim.id)]
    await store.upkeep()
  }
  await store.leave(incarnation)

  const states = (await store.get(['plain', 'keyed', 'laned', 'waiting'].map(id))).map(
    (job) => (job as { state: string }).state,
  )
  assert.deepEqual(states, Array(4).fill('succeeded'))
}

const engines = {
  sqlite: { versioned: sqlite, skip: false },
  redis: { versioned: redis, skip: !redisServer && 'no Redis server' },
  postgres: { versioned: postgres, skip: !server && 'no PostgreSQL server' },
}

for (const [engine, { versioned, skip }] of Object.entries(engines)) {
  describe(`${engine}: beside a store of the next version`, { skip }, () => {
    test('a process that runs goes on, and one that starts is let in, where that version says so', async (t) => {
      const { open, advance, added } = await versioned(t)
      const running = await open()
      await works(running, 'before')

      await advance('live with it')
      await works(running, 'during')
      await works(await open(), 'after')

      assert.deepEqual(await added(), [])
    })

    test('a process that starts is refused where that version cannot be lived with', async (t) => {
      const { open, advance } = await versioned(t)

      await advance('cannot')

      await assert.rejects(async () => (await open()).counts(), { code: 'STORE_TOO_NEW' })
    })
  })
}

test(
  'redis: one that runs is refused too, and writes nothing',
  { skip: !redisServer && 'no Redis server' },
  async (t) => {
    const { open, advance } = await redis(t)
    const running = await open()
    const incarnation = await running.join(aWorker({ queues: ['q'] }))
    await running.insert([[aJob({ id: 'a', queue: 'q' })]])
    const client = new Redis(redisServer!.url)
    t.after(() => client.disconnect())
    await advance('cannot')
    const before = await written(client)

    const refused = { code: 'STORE_TOO_NEW', message: /is at schema 2, and this version understands up to 1/ }
    await assert.rejects(running.insert([[aJob({ id: 'b', queue: 'q' })]]), refused)
    await assert.rejects(
      running.turn(aTurn({ incarnation, room: [{ queues: ['q'], jobs: 10, bottomUp: 0 }] })),
      refused,
    )
    await assert.rejects(running.upkeep(), refused)

    assert.deepEqual(await written(client), before)
  },
)

test(
  'redis: a store of an older version is brought to this one',
  { skip: !redisServer && 'no Redis server' },
  async (t) => {
    const prefix = `versions-${++stores}`
    const client = new Redis(redisServer!.url)
    const store = new RedisStore(await openConnection({ url: redisServer!.url, prefix }))
    t.after(() => client.disconnect())
    t.after(() => store.close())
    await client.hset(`{${prefix}}:meta`, 'layout', '0 0')

    await store.counts()

    assert.equal(await client.hget(`{${prefix}}:meta`, 'layout'), '1 1')
  },
)

/** All that the server keeps, but for the clock. */
async function written(client: Redis): Promise<unknown> {
  const keys = (await client.keys('*')).toSorted()

  return Promise.all(keys.map(async (key) => [key, (await client.dumpBuffer(key)).toString('hex')]))
}
