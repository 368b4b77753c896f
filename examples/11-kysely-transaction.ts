/** With Kysely: enqueueing, and ending a job, inside its transactions. */
import { Errand, postgresStore } from 'errand'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

interface Shop {
  parcel: { id: string; weighed: number | null }
}

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop' })
const db = new Kysely<Shop>({ dialect: new PostgresDialect({ pool }) })
const errand = new Errand({ store: postgresStore({ pool, schema: 'parcel_jobs' }) })
await errand.open()
await sql`create table parcel (id text primary key, weighed int)`.execute(db)

const weigh = errand.task('weigh', async ({ id }: { id: string }, job) => {
  const grams = 42

  return db.transaction().execute(async (tx) => {
    await tx.updateTable('parcel').set({ weighed: grams }).where('id', '=', id).execute()
    // The row and the job's end are one commit; it is the last thing to do in it.
    return job.succeed({ grams }, { tx })
  })
})

const job = await db.transaction().execute(async (tx) => {
  await tx.insertInto('parcel').values({ id: 'p1', weighed: null }).execute()
  return weigh.enqueue({ id: 'p1' }, { tx })
})

await errand.worker().start()
console.log(await job.result({ timeout: '10s' }))
console.log(await db.selectFrom('parcel').selectAll().execute())
await errand.close()
await db.destroy()

// prints:
// { grams: 42 }
// [ { id: 'p1', weighed: 42 } ]
