/** Processes of this version beside a schema of the next one, on every engine that keeps one. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test, type TestContext } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { migrationsIn } from '../../src/store/migrations.ts'
import { migrate as migratePostgres, migrationsFolder } from '../../src/store/postgres/migrate.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { migrate as migrateSqlite, migrations } from '../../src/store/sqlite/migrate.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'
import { aStore } from './sqlite-files.ts'

const server = await aPostgres()
let schemas = 0

interface Versioned {
  /** A store of this version. */
  readonly open: () => Store
  /** Brings the schema to a version after ours, which says what it needs at least. */
  readonly advance: (sql: string, oldest: (ours: number) => number) => Promise<void>
  readonly ask: (sql: string) => Promise<unknown[]>
}

async function sqlite(t: TestContext): Promise<Versioned> {
  const first = aStore(t)
  await first.counts()
  const db = new DatabaseSync(first.path, { timeout: 5_000 })
  t.after(() => db.close())
  const ours = migrations().at(-1)!.version

  return {
    open: () => aStore(t, { path: first.path }),
    advance: async (sql, oldest) => {
      const next = { version: ours + 1, file: 'next', sql: inSqlite(sql), oldest: oldest(ours) }
      migrateSqlite(db, first.path, [...migrations(), next])
    },
    ask: async (sql) => db.prepare(inSqlite(sql)).all(),
  }
}

async function postgres(t: TestContext): Promise<Versioned> {
  const connection = await aConnection(t, { url: server!.url })
  const schema = `versions_${++schemas}`
  const known = migrationsIn(migrationsFolder)
  const ours = known.at(-1)!.version
  const open = () => {
    const store = new PostgresStore({ url: server!.url, schema })
    t.after(() => store.close())
    return store
  }
  await open().counts()

  return {
    open,
    advance: async (sql, oldest) => {
      const next = { version: ours + 1, file: 'next', sql, oldest: oldest(ours) }
      await migratePostgres(connection, schema, [...known, next])
    },
    ask: (sql) => connection.query(sql.replaceAll('errand.', `${schema}.`)),
  }
}

const inSqlite = (sql: string) => sql.replaceAll('errand.', 'errand_')

/** What the rule allows: new tables and indexes, and on PostgreSQL a function that answers as it did. */
const mild = {
  sqlite: `create table errand.colour (job integer primary key, name text not null);
    create index errand.by_rank on errand_job (rank)`,
  postgres: `create table errand.colour (job bigint primary key, name text not null);
    create index by_rank on errand.body (rank);
    create or replace function errand.number_of(p_id text) returns bigint language sql as $$
      select no from errand.body where id = p_id and no > 0
    $$`,
}

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

const engines = { sqlite, postgres }

for (const [engine, versioned] of Object.entries(engines)) {
  const skip = engine === 'postgres' && !server && 'no PostgreSQL server'

  describe(`${engine}: beside the schema of the next version`, { skip }, () => {
    test('a process that runs goes on, and one that starts is let in, where that version says so', async (t) => {
      const { open, advance, ask } = await versioned(t)
      const running = open()
      await works(running, 'before')

      await advance(mild[engine as keyof typeof mild], (ours) => ours)
      await works(running, 'during')
      await works(open(), 'after')

      assert.deepEqual(await ask('select * from errand.colour'), [])
    })

    test('a process that starts is refused where that version cannot be lived with', async (t) => {
      const { open, advance } = await versioned(t)

      await advance('create table errand.colour (name text primary key)', (ours) => ours + 1)

      await assert.rejects(open().counts(), { code: 'STORE_TOO_NEW' })
    })
  })
}
