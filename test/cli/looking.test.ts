/** Looking makes no store on a server either: an empty answer from a mistyped schema would be believed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { Errand } from '../../src/index.ts'
import { findRedis, startRedis } from '../servers.ts'
import { aPostgres } from '../store/postgres-servers.ts'
import { Scene } from './scene.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

test('looking at a schema where no store is says so, and makes none', { skip }, async (t) => {
  const scene = new Scene()
  const client = new pg.Client({ connectionString: server!.url })
  await client.connect()
  t.after(() => client.end())
  const store = `${server!.url}?schema=typo`

  const doctor = scene.errand(['doctor', '--store', store, '-o', 'jsonl'])
  const list = scene.errand(['jobs', 'list', '--store', store])

  assert.deepEqual([doctor.code, list.code], [3, 3])
  assert.match(doctor.stdout, /"subject":"server","verdict":"good","detail":"PostgreSQL/)
  assert.match(doctor.stdout, /There is no store in schema \\"typo\\" of .*: no process has opened one there/)
  assert.match(list.stderr, /There is no store in schema "typo" of .*: no process has opened one there/)
  assert.deepEqual((await client.query(`select to_regnamespace('typo') as made`)).rows, [{ made: null }])
})

test('a move into a server that is as safe warns of nothing', { skip }, async () => {
  const syncing = await aPostgres(['fsync=on'])
  const scene = new Scene()
  scene.errand(['call', 'greet', 'Ada'])

  const { code, stderr } = scene.errand(['move', '--from', 'sqlite:jobs.db', '--to', syncing!.url])

  assert.equal(code, 0)
  assert.doesNotMatch(stderr, /less safely/)
})

test('looking at a store that is there shows it', { skip }, async () => {
  const url = `${server!.url}?schema=there`
  const errand = new Errand({ store: url })
  await errand.task('task', () => {}).enqueue(undefined)
  await errand.close()

  const { code, stdout } = new Scene().errand(['jobs', 'list', '--store', url])

  assert.equal(code, 0)
  assert.match(stdout, /task/)
})

test('doctor of an app whose schema is not there yet says so, and makes none', { skip }, async (t) => {
  const url = `${server!.url}?schema=planned`
  const scene = new Scene({ 'tasks.ts': anApp(url) })
  const client = new pg.Client({ connectionString: server!.url })
  await client.connect()
  t.after(() => client.end())

  const { code, stdout } = scene.errand(['doctor', '-o', 'jsonl'])

  // The server of these tests writes nothing through, which is bad.
  assert.equal(code, 1)
  assert.match(stdout, /"subject":"durability"/)
  assert.match(stdout, /"store","verdict":"warning","detail":"There is no store in schema .*The first process that/)
  assert.deepEqual((await client.query(`select to_regnamespace('planned') as made`)).rows, [{ made: null }])
})

test('looking at a prefix of Redis where no store is says so; doctor looks at the server all the same', async (t) => {
  const program = await findRedis()
  if (program === undefined) return t.skip('no Redis server')
  const redis = await startRedis(program)
  t.after(() => redis.stop())
  const store = `${redis.url}?prefix=typo`
  const none = /There is no store with the prefix \\?"typo\\?" at redis:.*no process has made one there/

  const list = new Scene({}).errand(['jobs', 'list', '--store', store])
  const doctors = [
    new Scene({}).errand(['doctor', '--store', store, '-o', 'jsonl']),
    new Scene({ 'tasks.ts': anApp(store) }).errand(['doctor', '-o', 'jsonl']),
  ]

  assert.deepEqual([list.code, list.stdout], [3, ''])
  assert.match(list.stderr, none)
  for (const { stdout } of doctors) {
    assert.match(stdout, none)
    assert.match(stdout, /"subject":"server"/)
  }
  const errand = new Errand({ store })
  await errand.task('task', () => {}).enqueue(undefined)
  await errand.close()
  assert.equal(new Scene({}).errand(['jobs', 'list', '--store', store]).code, 0)
})

const anApp = (store: string) => `
import { Errand } from 'errand'

export const errand = new Errand({ store: '${store}' })
errand.task('task', async () => {})
`
