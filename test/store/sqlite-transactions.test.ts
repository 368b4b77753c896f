import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { systemEnv } from '../../src/env.ts'
import { StoreBusyError, TransactionError } from '../../src/errors.ts'
import type { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { aJob, aTurn, aWorker, jobs } from '../../src/testing/conformance/builders.ts'
import { aFolder, aStore } from './sqlite-files.ts'

async function withCaller(t: TestContext): Promise<{ store: SqliteStore & { path: string }; caller: DatabaseSync }> {
  const store = aStore(t)
  await store.counts()
  const caller = new DatabaseSync(store.path)
  t.after(() => caller.close())
  caller.exec('create table orders (id integer primary key)')
  return { store, caller }
}

test("a job enqueued in the caller's transaction is there once that is committed", async (t) => {
  const { store, caller } = await withCaller(t)

  caller.exec('begin immediate; insert into orders values (1)')
  const outcomes = store.insertWith(caller, [
    [aJob({ id: 'a', tags: ['x'], unique: { key: 'k', scope: 'active', onConflict: 'keep' } })],
  ])
  const before = await store.get(['a'])
  caller.exec('commit')

  assert.deepEqual(outcomes, [[{ kind: 'inserted' }]])
  assert.deepEqual(before, [undefined])
  assert.equal((await store.counts())[0]?.states.ready, 1)
})

test("a job enqueued in the caller's transaction goes when that is rolled back", async (t) => {
  const { store, caller } = await withCaller(t)

  caller.exec('begin immediate')
  store.insertWith(caller, [[aJob({ id: 'a', queue: 'new', task: 'never-seen' })]])
  caller.exec('rollback')

  assert.deepEqual(await store.get(['a']), [undefined])
  assert.deepEqual(await store.counts(), [])
  await store.insert([[aJob({ id: 'b', queue: 'new', task: 'never-seen' })]])
  assert.equal((await store.counts())[0]?.queue, 'new')
})

test("a worker that sleeps wakes after the caller's commit", async (t) => {
  const { store, caller } = await withCaller(t)
  const incarnation = await store.join(aWorker())
  await store.turn(aTurn({ incarnation }))
  const woken = store.wait(incarnation, ['default'], 10_000, new AbortController().signal)

  caller.exec('begin immediate')
  store.insertWith(caller, [[aJob()]])
  caller.exec('commit')

  assert.equal(await woken, 'work')
})

test('what the caller did before in its transaction outlives a refused call', async (t) => {
  const { store, caller } = await withCaller(t)
  await store.insert([[aJob({ id: 'a', input: '1' })]])

  caller.exec('begin immediate; insert into orders values (1)')
  const [outcomes] = store.insertWith(caller, [[aJob({ id: 'b' }), aJob({ id: 'a', input: '2' })]])
  caller.exec('commit')

  assert.deepEqual(
    outcomes?.map(({ kind }) => kind),
    ['refused', 'refused'],
  )
  assert.deepEqual(await store.get(['b']), [undefined])
  assert.equal(caller.prepare('select count(*) as n from orders').get()?.n, 1)
})

test('a connection without a transaction, on another file, or unsafe, is refused', async (t) => {
  const { store, caller } = await withCaller(t)
  const other = new DatabaseSync(join(aFolder(t), 'other.db'))
  t.after(() => other.close())
  const enqueue = (tx: unknown) => () => store.insertWith(tx, [[aJob()]])

  assert.throws(enqueue(caller), /BEGIN IMMEDIATE/)
  other.exec('begin')
  assert.throws(enqueue(other), /cannot span two files/)
  assert.throws(enqueue({}), TransactionError)
  caller.exec('pragma synchronous = off; begin immediate')
  assert.throws(enqueue(caller), /synchronous=OFF/)
  caller.exec('rollback')
})

test('a writer that others keep out says busy after half a minute, and nothing has happened', async (t) => {
  const store = aStore(t)
  await store.counts()
  const other = new DatabaseSync(store.path)
  t.after(() => other.close())
  const late = aStore(t, { path: store.path, env: hasty() })
  await late.counts()
  other.exec('begin immediate')

  await assert.rejects(late.insert([[aJob({ id: 'a' })]]), StoreBusyError)
  other.exec('rollback')

  assert.deepEqual(await store.get(['a']), [undefined])
})

test('a writer waits for the lock without holding the event loop', async (t) => {
  const store = aStore(t)
  await store.counts()
  const other = new DatabaseSync(store.path)
  t.after(() => other.close())
  other.exec('begin immediate')
  let done = false
  const insertion = store.insert([jobs(['a'])]).then(() => (done = true))

  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  const before = done
  other.exec('commit')
  await insertion

  assert.deepEqual([before, done], [false, true])
})

/** Half a minute passes within a second. */
function hasty() {
  const env = systemEnv()
  return { ...env, monotonic: () => env.monotonic() * 30 }
}
