import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres(['max_connections=20', 'superuser_reserved_connections=3'])
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
  assert.deepEqual((await inspected(t))['oldest transaction'], { verdict: 'good', detail: 'None is old.' })
})
