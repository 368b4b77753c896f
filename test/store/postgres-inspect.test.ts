import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { inspectServer } from '../../src/store/postgres/inspect.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'

const server = await aPostgres([
  'max_connections=20',
  'superuser_reserved_connections=3',
  'max_prepared_transactions=2',
])
const skip = !server && 'no PostgreSQL server'

async function inspected(t: TestContext) {
  const store = new PostgresStore({ url: server!.url, schema: 'inspected' })
  t.after(() => store.close())

  return Object.fromEntries(
    (await store.inspect()).map(({ subject, verdict, detail }) => [subject, { verdict, detail }]),
  )
}

async function clients(t: TestContext, count: number): Promise<pg.Client[]> {
  const all = Array.from({ length: count }, () => new pg.Client({ connectionString: server!.url }))
  await Promise.all(all.map((client) => client.connect()))
  t.after(() => Promise.all(all.map((client) => client.end())))

  return all
}

test('a server without fsync is called bad, and its version is said', { skip }, async (t) => {
  const { server: said, durability } = await inspected(t)

  assert.match(said!.detail, /^PostgreSQL \d+\.\d+/)
  assert.equal(durability!.verdict, 'bad')
  assert.match(durability!.detail, /fsync=off, full_page_writes=on/)
})

test('a server with few connections left is warned of', { skip }, async (t) => {
  const before = (await inspected(t))['connections']
  await clients(t, 8)

  const after = (await inspected(t))['connections']

  assert.deepEqual([before!.verdict, after!.verdict], ['good', 'warning'])
  assert.match(after!.detail, /^\d+ of 17 are in use\. The next process may find none/)
})

test('what is wrong with transactions is looked for, and none is old here', { skip }, async (t) => {
  const found = await inspected(t)

  assert.deepEqual(found['oldest transaction'], { verdict: 'good', detail: 'None is old.' })
  assert.deepEqual(
    Object.keys(found).filter((subject) => subject.startsWith('replication')),
    [],
  )
})

test('the version of the schema is said', { skip }, async (t) => {
  const { schema } = await inspected(t)

  assert.equal(schema!.verdict, 'good')
  assert.match(schema!.detail, /^Version \d+\.$/)
})

const waysToHold = {
  'has written and sits idle': ['begin', 'create temp table written (n int)'],
  'keeps a snapshot': ['begin isolation level repeatable read', 'select 1'],
}
for (const [way, statements] of Object.entries(waysToHold)) {
  test(`a session whose transaction ${way} is named, and how to end it`, { skip }, async (t) => {
    const [client] = await clients(t, 1)
    for (const statement of statements) await client!.query(statement)
    const { rows } = await client!.query<{ pid: number }>('select pg_backend_pid() as pid')

    const found = await transactionsOf(t)

    assert.equal(found.verdict, 'warning')
    assert.ok(found.detail.startsWith(`session ${rows[0]!.pid} (without a name) has been open for 0 s`), found.detail)
    assert.ok(found.detail.endsWith(`End it: select pg_terminate_backend(${rows[0]!.pid})`), found.detail)
  })
}

test('a prepared transaction that nobody ends is named, and how to end it', { skip }, async (t) => {
  const [client] = await clients(t, 1)
  await client!.query('create table if not exists paid (n int)')
  await client!.query('begin')
  await client!.query('insert into paid values (1)')
  await client!.query(`prepare transaction 'the other half'`)

  const found = await transactionsOf(t)
  await client!.query(`rollback prepared 'the other half'`)

  assert.equal(found.verdict, 'warning')
  assert.match(
    found.detail,
    /^the prepared transaction 'the other half' has been open .* rollback prepared 'the other half'$/,
  )
})

test('a replication slot that nobody uses is warned of', { skip }, async (t) => {
  const [client] = await clients(t, 1)
  await client!.query(`select pg_create_physical_replication_slot('left_behind', true)`)

  const found = (await inspected(t))['replication slot left_behind']
  await client!.query(`select pg_drop_replication_slot('left_behind')`)

  assert.equal(found!.verdict, 'warning')
  assert.match(found!.detail, /^Nobody uses it, and the server keeps \d+ \w+ for it/)
})

/** Any transaction counts as long. */
async function transactionsOf(t: TestContext) {
  const { query } = await aConnection(t, { url: server!.url })

  return (await inspectServer(query, 0)).find(({ subject }) => subject === 'oldest transaction')!
}
