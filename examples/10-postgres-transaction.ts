/** On PostgreSQL with `pg`: a row and its job in one commit, and a job that a trigger enqueues. */
import { Errand, postgresStore } from 'errand'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] ?? 'postgres://localhost/shop' })
const errand = new Errand({ store: postgresStore({ pool, schema: 'shop_jobs' }) })
await errand.open()

await pool.query(`
  create table customer (id int generated always as identity primary key, name text not null unique);

  create function greet() returns trigger language plpgsql as $$
  begin
    perform shop_jobs.enqueue('greet', jsonb_build_object('name', new.name));
    return new;
  end $$;
  create trigger greeted after insert on customer for each row execute function greet()`)

const greet = errand.task('greet', async ({ name }: { name: string }) => `Welcome, ${name}!`)
const invoice = errand.task('invoice', async ({ id }: { id: number }) => `invoice for customer ${id}`)

async function signUp(name: string) {
  const tx = await pool.connect()
  try {
    await tx.query('begin')
    const { rows } = await tx.query<{ id: number }>('insert into customer (name) values ($1) returning id', [name])
    const job = await invoice.enqueue({ id: rows[0]!.id }, { tx })
    await tx.query('commit')
    return job
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
}

const job = await signUp('Ada')
const again = await signUp('Ada').catch((error: Error) => error.message)
const [greeting] = (await errand.jobs({ task: 'greet' })).jobs

await errand.worker().start()
console.log(await job.result({ timeout: '10s' }))
console.log(await greet.job(greeting!.id).result({ timeout: '10s' }))
console.log(again)
console.log((await errand.jobs()).jobs.length, 'jobs in all')
await errand.close()
await pool.end()

// prints:
// invoice for customer 1
// Welcome, Ada!
// duplicate key value violates unique constraint "customer_name_key"
// 2 jobs in all
