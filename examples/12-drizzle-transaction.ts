/** With Drizzle: enqueueing, and ending a job, inside its transactions. */
import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { Errand, postgresStore } from 'errand'
import pg from 'pg'

const letters = pgTable('letter', { id: text().primaryKey(), stamps: integer().notNull() })

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop' })
const db = drizzle(pool)
const errand = new Errand({ store: postgresStore({ pool, schema: 'letter_jobs' }) })
await errand.open()
await db.execute(sql`create table letter (id text primary key, stamps int not null)`)

const stamp = errand.task('stamp', async ({ id }: { id: string }, job) =>
  db.transaction(async (tx) => {
    await tx.update(letters).set({ stamps: 1 }).where(eq(letters.id, id))
    // The row and the job's end are one commit; it is the last thing to do in it.
    return job.succeed(`${id} is stamped`, { tx })
  }),
)

const job = await db.transaction(async (tx) => {
  await tx.insert(letters).values({ id: 'l1', stamps: 0 })
  return stamp.enqueue({ id: 'l1' }, { tx })
})

await errand.worker().start()
console.log(await job.result({ timeout: '10s' }))
console.log(await db.select().from(letters))
await errand.close()
await pool.end()

// prints:
// l1 is stamped
// [ { id: 'l1', stamps: 1 } ]
