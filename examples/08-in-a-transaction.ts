/** A job that exists exactly if your own transaction is committed. */
import { DatabaseSync } from 'node:sqlite'
import { Errand } from 'errand'

// Your tables and Errand's in one file: no transaction spans two.
const errand = new Errand({ store: 'sqlite:shop.db' })
await errand.open()

const db = new DatabaseSync('shop.db', { timeout: 5_000 })
db.exec(`
  create table if not exists stock (item text primary key, copies integer not null check (copies >= 0)) strict;
  insert or replace into stock values ('book', 1)
`)

const ship = errand.task('ship', async ({ item, to }: { item: string; to: string }) => `${item} sent to ${to}`)

async function sell(item: string, to: string) {
  db.exec('begin immediate')
  try {
    const job = await ship.enqueue({ item, to }, { tx: db })
    db.prepare('update stock set copies = copies - 1 where item = ?').run(item)
    db.exec('commit')
    return job
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

const sold = await sell('book', 'Ada')
const refused = await sell('book', 'Bob').catch((error: Error) => error.message)

await errand.worker().start()
console.log(await sold.result({ timeout: '10s' }))
console.log(refused)
console.log((await errand.jobs({ input: { to: 'Bob' } })).jobs.length, 'jobs for Bob')
await errand.close()
db.close()

// prints:
// book sent to Ada
// CHECK constraint failed: copies >= 0
// 0 jobs for Bob
