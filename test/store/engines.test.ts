/** docs/reference/engines.md, held against what the engines declare. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemEnv } from '../../src/env.ts'
import { openStore } from '../../src/store/open.ts'
import { findPostgres, findRedis, startPostgres, startRedis } from '../servers.ts'

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reference', 'engines.md'), 'utf8')
const redis = await findRedis()
const postgres = await findPostgres()

/** The first table, by engine and by the word its rows begin with. */
function declaredFor(engine: string): Record<string, string> {
  const rows = page
    .split('## What they declare')[1]!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('|'))
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  const column = cells[0]!.indexOf(engine)

  return Object.fromEntries(cells.slice(2).map((row) => [/\w+/.exec(row[0]!)![0], row[column]!]))
}

async function holds(engine: string, url: string) {
  const declared = declaredFor(engine)
  const store = await openStore(url, systemEnv())
  await store.get([])
  const { capabilities, limits } = store
  await store.close()

  assert.equal(store.engine, engine)
  assert.ok(declared['durability']!.split(/, | or /).includes(capabilities.durability), capabilities.durability)
  assert.equal(declared['insertWith'], capabilities.insertWith ? 'yes' : 'no')
  assert.equal(capabilities.insertWith, store.insertWith !== undefined && store.settleWith !== undefined)
  assert.equal(declared['shared'], capabilities.shared ? 'yes' : 'no')
  for (const limit of ['jobsPerCall', 'bytesPerCall', 'turnsInFlight'] as const) {
    assert.equal(Number(declared[limit]), limits[limit], limit)
  }
}

test('memory is as the page says', () => holds('memory', 'memory:'))

test('SQLite is as the page says', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-engines-'))
  t.after(() => rmSync(folder, { recursive: true }))

  await holds('sqlite', `sqlite:${join(folder, 'errand.db')}`)
})

test('Redis is as the page says', { skip: redis === undefined && 'there is no Redis here' }, async (t) => {
  const server = await startRedis(redis!)
  t.after(() => server.stop())

  await holds('redis', server.url)
})

test('PostgreSQL is as the page says', { skip: postgres === undefined && 'there is no PostgreSQL here' }, async (t) => {
  const server = await startPostgres(postgres!)
  t.after(() => server.stop())

  await holds('postgres', server.url)
})

test("what PostgreSQL's jobs survive is what its settings say", { skip: postgres === undefined }, async (t) => {
  const settings = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on']
  const server = await startPostgres(postgres!, settings)
  t.after(() => server.stop())
  const durability = async (options: string) => {
    const store = await openStore(`${server.url}${options}`, systemEnv())
    await store.get([])
    await store.close()
    return store.capabilities.durability
  }

  assert.equal(await durability(''), 'power')
  assert.equal(await durability('?options=-c%20synchronous_commit%3Doff'), 'process')
})
