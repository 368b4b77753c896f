/** Looking makes no store on a server either: an empty answer from a mistyped schema would be believed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { Errand } from '../../src/index.ts'
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
  assert.match(doctor.stdout, /There is no store in schema \\"typo\\" of .*: no process has opened one there/)
  assert.match(list.stderr, /There is no store in schema "typo" of .*: no process has opened one there/)
  assert.deepEqual((await client.query(`select to_regnamespace('typo') as made`)).rows, [{ made: null }])
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
