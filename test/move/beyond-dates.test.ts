/** Rows that somebody has written with a tool of their own: times in them that no `Date` reaches stop nobody. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { Errand } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { move } from '../../src/move/move.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { aPostgres } from '../store/postgres-servers.ts'
import { aShop } from '../store/postgres-shop.ts'
import { aFolder } from '../store/sqlite-files.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

/** A million years from now. */
const beyond = 31_559_395_265_501_944n
const lastMoment = 8.64e15

/** An app on a file with a job for later, which expires, and one whose turn it is. */
async function anApp(t: TestContext, path: string) {
  const store = new SqliteStore({ path })
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const greet = errand.task('greet', ({ name }: { name: string }) => `hello ${name}`)

  return { errand, store, greet }
}

test('a job in a SQLite file that is due beyond all dates is shown, and all others run', async (t) => {
  const path = join(aFolder(t), 'errand.db')
  const { errand, greet } = await anApp(t, path)
  const never = await greet.enqueue({ name: 'never' }, { delay: '1h', expires: '2h' })
  const db = new DatabaseSync(path)
  for (const change of ['errand_delayed set due', 'errand_job set expires', 'errand_deadline set at']) {
    db.exec(`update ${change} = ${beyond}`)
  }
  db.close()

  const now = await greet.enqueue({ name: 'now' })
  await errand.worker().start()

  assert.equal(await now.result({ timeout: '20s' }), 'hello now')
  const { state, dueAt, expiresAt } = await never.info()
  assert.deepEqual([state, dueAt?.getTime(), expiresAt?.getTime()], ['scheduled', lastMoment, lastMoment])
  assert.equal((await errand.jobs()).jobs.length, 2)
  assert.equal(await never.cancel(), 'cancelled')
})

test('a job in PostgreSQL that is due beyond all dates is shown, and moves to SQLite', { skip }, async (t) => {
  const shop = await aShop(t, server!)
  const source = shop.errand.task('greet', ({ name }: { name: string }) => `hello ${name}`)
  const never = await source.enqueue({ name: 'never' }, { delay: '1h' })
  await shop.query(`update ${shop.schema}.waiting set due = ${beyond}`)
  const { errand, store, greet } = await anApp(t, join(aFolder(t), 'errand.db'))
  const shown = (await shop.errand.jobs()).jobs[0]!.dueAt!.getTime()

  const report = await move({
    from: { store: await shop.errand.open(), name: 'from' },
    to: { store, name: 'to' },
    env: systemEnv(),
  })
  const now = await greet.enqueue({ name: 'now' })
  await errand.worker().start()

  assert.deepEqual([shown, report.moved.scheduled], [lastMoment, 1])
  assert.equal(await now.result({ timeout: '20s' }), 'hello now')
  assert.equal((await errand.job(never.id).info()).dueAt?.getTime(), lastMoment)
})
