/** What a handler writes and the end of its job, in one commit: no crash can come between them. */
import { DatabaseSync } from 'node:sqlite'
import { Errand } from 'errand'

const errand = new Errand({ store: 'sqlite:bank.db' })
await errand.open()

const db = new DatabaseSync('bank.db', { timeout: 5_000 })
db.exec('create table account (name text primary key, cents integer not null) strict')
db.exec(`insert into account values ('Ada', 0)`)

const pay = errand.task('pay', { retry: { first: 10 } }, async ({ to, cents }: { to: string; cents: number }, job) => {
  db.exec('begin immediate')
  try {
    db.prepare('update account set cents = cents + ? where name = ?').run(cents, to)
    if (job.attempt === 1) throw new Error('the power went')
    const receipt = await job.succeed({ paid: cents }, { tx: db })
    db.exec('commit')
    return receipt
  } catch (error) {
    // Also when `succeed` throws: the job is somebody else's by now, or was cancelled.
    db.exec('rollback')
    throw error
  }
})

const paid = await pay.enqueue({ to: 'Ada', cents: 500 })
await errand.worker().start()

console.log(await paid.result({ timeout: '10s' }))
console.log(
  db.prepare('select * from account').get()?.['cents'],
  'cents after',
  (await paid.info()).attempt,
  'attempts',
)
await errand.close()
db.close()

// prints:
// { paid: 500 }
// 500 cents after 2 attempts
