import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { printed } from '../servers.ts'
import { migrationsIn, type Migration } from '../../src/store/migrations.ts'
import { inSchema, migrate, migrationsFolder } from '../../src/store/postgres/migrate.ts'
import type { Connection } from '../../src/store/postgres/connection/connection.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'
const ours = migrationsIn(migrationsFolder)

/** Files that users have by now, with their SHA-256: add each when it is released, and change none. */
const released: Record<string, string> = {}

/** A step that this version does not know yet. */
function aStep(sql: string, fields: Partial<Migration> = {}): Migration {
  const version = ours.at(-1)!.version + 1

  return { version, file: `${version}_of_tomorrow.sql`, sql, oldest: version, ...fields }
}

async function versions(connection: Connection, schema: string): Promise<number[]> {
  const rows = await connection.query<{ version: number }>(`select version from ${schema}.migration order by version`)

  return rows.map(({ version }) => version)
}

test('the files are numbered from 1 without a gap, and named', () => {
  assert.deepEqual(
    ours.map(({ version }) => version),
    ours.map((_, index) => index + 1),
  )
  for (const { file } of ours) assert.match(file, /^\d{4}_[a-z0-9_]+\.sql$/)
})

test('a released file is never edited', () => {
  for (const [file, checksum] of Object.entries(released)) {
    const sql = ours.find((each) => each.file === file)?.sql ?? ''
    assert.equal(createHash('sha256').update(sql).digest('hex'), checksum, `${file} was edited after its release`)
  }
})

test('a file says which schema it is written for by `errand.` alone', () => {
  assert.equal(inSchema('create table errand.job (n int)', 'shop'), 'create table "shop".job (n int)')
  assert.equal(inSchema('select from errand.job', 'errand'), 'select from errand.job')
})

test('each file is run once, in order, into the schema that was named', { skip }, async (t) => {
  const connection = await aConnection(t, { url: server!.url })

  await migrate(connection, 'twice')
  await migrate(connection, 'twice')

  assert.deepEqual(
    await versions(connection, 'twice'),
    ours.map(({ version }) => version),
  )
  assert.deepEqual(await connection.query(`select to_regnamespace('errand') as errand`), [{ errand: null }])
})

test('a later version runs only what is new', { skip }, async (t) => {
  const connection = await aConnection(t, { url: server!.url })
  await migrate(connection, 'later')

  await migrate(connection, 'later', [...ours, aStep('create table errand.added (n int)')])

  assert.deepEqual((await versions(connection, 'later')).length, ours.length + 1)
  assert.deepEqual(await connection.query('select n from later.added'), [])
})

test('a step that fails leaves nothing of it, and the schema as it was', { skip }, async (t) => {
  const connection = await aConnection(t, { url: server!.url })
  await migrate(connection, 'failing')

  const step = aStep('create table errand.half (n int); select 1/0')
  await assert.rejects(migrate(connection, 'failing', [...ours, step]), /division by zero/)

  assert.equal((await versions(connection, 'failing')).length, ours.length)
  assert.deepEqual(await connection.query(`select to_regclass('failing.half') as half`), [{ half: null }])
})

test('a schema from the future is refused, and one that says it can be lived with is not', { skip }, async (t) => {
  const connection = await aConnection(t, { url: server!.url })
  const known = ours.at(-1)!.version
  await migrate(connection, 'mild', [...ours, aStep('create table errand.added (n int)', { oldest: known })])
  await migrate(connection, 'strict', [...ours, aStep('create table errand.added (n int)')])

  await migrate(connection, 'mild')
  await assert.rejects(migrate(connection, 'strict'), {
    code: 'STORE_TOO_NEW',
    message: new RegExp(`at schema ${known + 1}, and this version understands up to ${known}`),
  })
})

test('eight processes that start at once migrate once', { skip, timeout: 60_000 }, async (t) => {
  const connection = await aConnection(t, { url: server!.url })

  const children = Array.from({ length: 8 }, () => migrating('crowd'))
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))

  assert.deepEqual(codes, Array(8).fill(0))
  assert.deepEqual((await versions(connection, 'crowd')).length, ours.length)
})

test(
  'a process that is killed midway leaves nothing, and the next one does it all',
  { skip, timeout: 60_000 },
  async (t) => {
    const connection = await aConnection(t, { url: server!.url })
    const child = migrating('killed', 'and then sleep')
    await printed(child, 'about to sleep')
    const asleep = `select 1 from pg_stat_activity where query like 'select pg_sleep(60)%' and state = 'active'`
    while ((await connection.query(asleep)).length === 0);

    child.kill('SIGKILL')
    await once(child, 'exit')
    await connection.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(60)%'`,
    )
    await migrate(connection, 'killed')

    assert.deepEqual(
      await versions(connection, 'killed'),
      ours.map(({ version }) => version),
    )
  },
)

/** A process that brings the schema up to date, and ends. */
function migrating(schema: string, ...more: string[]): ChildProcess {
  const program = new URL('postgres-migrations-child.ts', import.meta.url).pathname

  return spawn(process.execPath, ['--conditions=errand-source', program, server!.url, schema, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

test('a user who may not make schemas can have one made for it', { skip }, async (t) => {
  const owner = await aConnection(t, { url: server!.url })
  await owner.query('create role app login')
  await owner.query('create schema made authorization app')
  const connection = await aConnection(t, { url: server!.url.replace('postgres@', 'app@') })

  await assert.rejects(migrate(connection, 'unmade'), { code: 'STORE_REFUSED', message: /permission denied.*"Rights"/ })
  await migrate(connection, 'made')

  assert.equal((await versions(connection, 'made')).length, ours.length)
})
