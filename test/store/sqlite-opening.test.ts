import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreClosedError, StoreOpenError, StoreTooNewError, StoreUnsafeError } from '../../src/errors.ts'
import { Connection } from '../../src/store/sqlite/connection.ts'
import { migrations } from '../../src/store/sqlite/migrate.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { aJob, aTurn, aWorker } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { aFolder, aStore } from './sqlite-files.ts'

const nfs = 0x6969

test('making a store opens nothing', (t) => {
  const path = join(aFolder(t), 'errand.db')

  new SqliteStore({ path })

  assert.equal(existsSync(path), false)
})

test('a missing folder is made', async (t) => {
  const store = aStore(t, { path: join(aFolder(t), 'a', 'b', 'errand.db') })

  await store.insert([[aJob()]])

  assert.equal(existsSync(store.path), true)
})

test('a job survives the end of the store that took it', async (t) => {
  const store = aStore(t)
  await store.insert([[aJob({ id: 'a' })]])
  await store.close()

  const [job] = await aStore(t, { path: store.path }).get(['a'])

  assert.equal(typeof job === 'object' && job.state, 'ready')
})

test('the connection commits at synchronous=FULL, read back after a write', async (t) => {
  const store = aStore(t)
  await store.insert([[aJob()]])

  const inspected = await store.inspect()

  assert.equal(inspected.find(({ subject }) => subject === 'durability')?.verdict, 'good')
})

test('a store at synchronous=NORMAL says that it is not safe from a power cut', async (t) => {
  const store = aStore(t, { synchronous: 'normal' })
  await store.insert([[aJob()]])

  const inspected = await store.inspect()

  assert.equal(store.capabilities.durability, 'process')
  assert.equal(inspected.find(({ subject }) => subject === 'durability')?.verdict, 'warning')
})

test('a store of a newer version is refused', async (t) => {
  const store = aStore(t)
  await store.counts()
  await store.close()
  const db = new DatabaseSync(store.path)
  db.exec(`update errand_meta set value = 1000 where key in ('schema', 'oldest')`)
  db.close()

  await assert.rejects(aStore(t, { path: store.path }).counts(), StoreTooNewError)
})

test('an application’s own file can hold the store, and what is there stays as it was', async (t) => {
  const path = join(aFolder(t), 'app.db')
  const db = new DatabaseSync(path)
  t.after(() => db.close())
  db.exec(`create table job (x); create table event (x); insert into job values ('theirs'); pragma user_version = 7`)

  const store = aStore(t, { path })
  await store.insert([[aJob({ id: 'ours' })]])

  assert.deepEqual({ ...db.prepare('select x from job').get() }, { x: 'theirs' })
  assert.deepEqual({ ...db.prepare('pragma user_version').get() }, { user_version: 7 })
  const names = db.prepare(`select name from sqlite_schema where name not like 'sqlite_%'`).all() as { name: string }[]
  assert.deepEqual(
    names.map(({ name }) => name).filter((name) => !name.startsWith('errand_')),
    ['job', 'event'],
  )
})

test('a file that is no database is refused in one line', async (t) => {
  const path = join(aFolder(t), 'notes.txt')
  writeFileSync(path, 'not a database, but long enough to be looked at as if it were one\n'.repeat(100))

  await assert.rejects(aStore(t, { path }).counts(), (error: Error) => {
    assert.ok(error instanceof StoreOpenError)
    return /^Cannot open .*notes\.txt: file is not a database\. .* Choose another path\.$/.test(error.message)
  })
})

test('a folder that may not be written is refused in one line', async (t) => {
  const folder = join(aFolder(t), 'locked')
  mkdirSync(folder)
  chmodSync(folder, 0o500)
  if (process.getuid?.() === 0) return t.skip('root may write everywhere')

  await assert.rejects(aStore(t, { path: join(folder, 'errand.db') }).counts(), StoreOpenError)
})

test('a folder in place of the file is refused with the advice to name a file', async (t) => {
  await assert.rejects(aStore(t, { path: aFolder(t) }).counts(), /name a file in it/)
})

test('a network file system is refused, unless one insists', async (t) => {
  const fileSystemType = () => nfs

  await assert.rejects(aStore(t, { fileSystemType }).counts(), (error: Error) => {
    assert.ok(error instanceof StoreUnsafeError)
    return error.message.includes('NFS') && error.message.includes('allowNetworkFileSystem')
  })

  assert.deepEqual(await aStore(t, { fileSystemType, allowNetworkFileSystem: true }).counts(), [])
})

test('a file that was deleted while open takes no more jobs', async (t) => {
  const env = new ManualEnv()
  const store = aStore(t, { env })
  await store.insert([[aJob({ id: 'a' })]])

  rmSync(store.path)
  await env.advance(2_000)

  await assert.rejects(store.insert([[aJob({ id: 'b' })]]), StoreUnsafeError)
})

test('a file that was replaced while open takes no more jobs and settles none', async (t) => {
  const env = new ManualEnv()
  const store = aStore(t, { env })
  const incarnation = await store.join(aWorker())
  const older = `${store.path}.older`
  copyFileSync(store.path, older)

  rmSync(store.path)
  copyFileSync(older, store.path)
  await env.advance(7_000)

  await assert.rejects(store.insert([[aJob()]]), StoreUnsafeError)
  await assert.rejects(store.turn(aTurn({ incarnation })), StoreUnsafeError)
})

test('a store that is closed refuses everything', async (t) => {
  const store = aStore(t)
  await store.insert([[aJob()]])

  await store.close()

  await assert.rejects(store.insert([[aJob()]]), StoreClosedError)
  await assert.rejects(store.counts(), StoreClosedError)
})

test('closing waits for what was enqueued before', async (t) => {
  const store = aStore(t)
  const insertion = store.insert([[aJob({ id: 'a' })]])

  await store.close()

  assert.deepEqual(await insertion, [[{ kind: 'inserted' }]])
})

test('migrations are numbered without a gap, and released ones never change', () => {
  const released: Record<string, string> = {}

  const known = migrations()

  assert.deepEqual(
    known.map(({ version }) => version),
    known.map((_, index) => index + 1),
  )
  for (const [file, checksum] of Object.entries(released)) {
    const { sql } = known.find((migration) => migration.file === file)!
    assert.equal(createHash('sha256').update(sql).digest('hex'), checksum, `${file} was edited after its release`)
  }
})

test('the file gives back its free pages and the WAL has a limit', (t) => {
  const path = join(aFolder(t), 'errand.db')
  const options = { path, synchronous: 'full', allowNetworkFileSystem: false, fileSystemType: () => 0 } as const

  const connection = new Connection(options)

  const settings = [
    'auto_vacuum',
    'journal_mode',
    'synchronous',
    'journal_size_limit',
    'wal_autocheckpoint',
    'busy_timeout',
  ]
  assert.deepEqual(
    settings.map((name) => connection.pragma(name)),
    [2, 'wal', 2, 67_108_864, 4_000, 0],
  )
  assert.ok(readFileSync(path).length > 0)
  connection.close()
})
