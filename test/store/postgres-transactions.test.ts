import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { drizzle } from 'drizzle-orm/node-postgres'
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { z } from 'zod'
import { Errand } from '../../src/index.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aPostgres } from './postgres-servers.ts'
import { aShop, within } from './postgres-shop.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

test('a job and a row are one commit, through pg, Kysely and Drizzle', { skip }, async (t) => {
  const { errand, pool, schema, query } = await aShop(t, server!)
  const task = errand.task('task', { input: z.object({ by: z.string() }) }, ({ by }) => by)
  const kysely = new Kysely<Record<string, { n: number }>>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin()],
  })
  const table = `${schema}.effect`

  const jobs = [
    await within(pool, async (tx) => {
      await tx.query(`insert into ${table} values (1)`)
      return task.enqueue({ by: `pg's own \\ client` }, { tx })
    }),
    await kysely.transaction().execute(async (tx) => {
      await tx.insertInto(table).values({ n: 2 }).execute()
      return task.enqueue({ by: 'kysely' }, { tx })
    }),
    await drizzle(pool).transaction(async (tx) => {
      await tx.execute(`insert into ${table} values (3)`)
      return task.enqueue({ by: 'drizzle' }, { tx })
    }),
  ]
  await errand.worker().start()

  const results = await Promise.all(jobs.map((job) => job.result({ timeout: '10s' })))
  assert.deepEqual(results, [`pg's own \\ client`, 'kysely', 'drizzle'])
  assert.deepEqual(await query(`select n from ${table} order by n`), [{ n: 1 }, { n: 2 }, { n: 3 }])
})

test('what is rolled back leaves no job, through each of them', { skip }, async (t) => {
  const { errand, pool } = await aShop(t, server!)
  const task = errand.task('task', () => {})
  const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) })
  const undone = async (tx: unknown) => {
    await task.enqueue(undefined, { tx })
    throw new Error('undone')
  }

  await assert.rejects(within(pool, undone), /undone/)
  await assert.rejects(kysely.transaction().execute(undone), /undone/)
  await assert.rejects(drizzle(pool).transaction(undone), /undone/)

  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('job.succeed commits effects and outcome together, through each of them', { skip }, async (t) => {
  const { errand, pool, schema, query } = await aShop(t, server!)
  const kysely = new Kysely<Record<string, { n: number }>>({ dialect: new PostgresDialect({ pool }) })
  const next = errand.task('next', ({ of }: { of: string }) => of)
  const said: string[] = []
  for (const name of ['succeeded', 'retrying', 'failed', 'stale'] as const) errand.on(name, () => said.push(name))
  const task = errand.task('task', { onSucceeded: 'ended' }, async ({ by }: { by: string }, job) => {
    job.followUp(next, { of: by })
    job.log(`by ${by}`)
    if (by === 'pg') {
      return within(pool, async (tx) => {
        await tx.query(`insert into ${schema}.effect values (1)`)
        return job.succeed(by, { tx })
      })
    }
    if (by === 'kysely') {
      return kysely.transaction().execute(async (tx) => {
        await tx.insertInto(`${schema}.effect`).values({ n: 2 }).execute()
        return job.succeed(by, { tx })
      })
    }
    return drizzle(pool).transaction(async (tx) => {
      await tx.execute(`insert into ${schema}.effect values (3)`)
      return job.succeed(by, { tx })
    })
  })
  const ended: unknown[] = []
  errand.task('ended', ({ result }: { result?: unknown }) => void ended.push(result))

  const jobs = await task.enqueueMany([{ by: 'pg' }, { by: 'kysely' }, { by: 'drizzle' }])
  const worker = await errand.worker({ concurrency: 3 }).start()
  const results = await Promise.all(jobs.map((job) => job.result({ timeout: '10s' })))
  while (said.filter((name) => name === 'succeeded').length < 9) await new Promise((resolve) => setTimeout(resolve, 5))
  await worker.stop()

  assert.deepEqual(results, ['pg', 'kysely', 'drizzle'])
  assert.deepEqual(await query(`select n from ${schema}.effect order by n`), [{ n: 1 }, { n: 2 }, { n: 3 }])
  assert.deepEqual(
    (ended as string[]).toSorted((a, b) => a.localeCompare(b)),
    ['drizzle', 'kysely', 'pg'],
  )
  assert.deepEqual([...new Set(said)], ['succeeded'])
  assert.deepEqual(
    (await jobs[0]!.log()).map(({ message }) => message),
    ['by pg'],
  )
})

test('a transaction that is rolled back after succeed makes the attempt a failed one', { skip }, async (t) => {
  const { errand, pool, schema, query } = await aShop(t, server!)
  const task = errand.task('task', { retry: { attempts: 2, first: 1 } }, async (_: void, job) => {
    const tx = await pool.connect()
    await tx.query(`begin; insert into ${schema}.effect values (1)`)
    await job.succeed(job.attempt, { tx })
    await tx.query(job.attempt === 1 ? 'rollback' : 'commit')
    tx.release()
  })

  const job = await task.enqueue()
  await errand.worker().start()

  assert.equal(await job.result({ timeout: '10s' }), 2)
  assert.deepEqual(
    (await job.attempts()).map(({ error }) => error.code),
    ['ROLLED_BACK'],
  )
  assert.equal((await query(`select n from ${schema}.effect`)).length, 1)
})

test(
  'a worker that dies between the commit and its next turn leaves a job that never runs again',
  { skip },
  async (t) => {
    const { errand, schema, query } = await aShop(t, server!)
    const ran: string[] = []
    const task = errand.task('charge', () => void ran.push('again'))
    const job = await task.enqueue()

    const program = new URL('postgres-transactions-child.ts', import.meta.url).pathname
    const args = ['--conditions=errand-source', program, server!.url, schema]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
    const worker = await errand.worker({ burst: true }).start()
    await worker.finished

    assert.equal(signal, 'SIGKILL')
    assert.equal(await job.result(), 'once')
    assert.deepEqual(ran, [])
    assert.deepEqual(await query(`select n from ${schema}.effect`), [{ n: 1 }])
  },
)

test('what is no transaction, and one on another database, is refused', { skip }, async (t) => {
  const { errand, pool, schema, client } = await aShop(t, server!)
  const task = errand.task('task', () => {})
  const enqueue = (tx: unknown) => task.enqueue(undefined, { tx })
  const loose = await client()
  await pool.query('create database elsewhere')
  const other = new pg.Client({ connectionString: server!.url.replace(/postgres$/, 'elsewhere') })
  await other.connect()
  t.after(() => other.end())

  await assert.rejects(enqueue(pool), { code: 'TRANSACTION', message: /The Pool passed as `tx`/ })
  await assert.rejects(enqueue(new Kysely({ dialect: new PostgresDialect({ pool }) })), { message: /Kysely instance/ })
  await assert.rejects(enqueue(drizzle(pool)), { code: 'TRANSACTION', message: /no open transaction/ })
  await assert.rejects(enqueue(loose), { code: 'TRANSACTION', message: /Run BEGIN/ })
  await other.query('begin')
  await assert.rejects(enqueue(other), { code: 'TRANSACTION', message: /not on the store's database/ })
  await other.query('rollback')
  const twin = new Errand({ store: new PostgresStore({ url: server!.url.replace(/postgres$/, 'elsewhere'), schema }) })
  await twin.open()
  t.after(() => twin.close())
  await other.query('begin')
  await assert.rejects(enqueue(other), { code: 'TRANSACTION', message: /not on the store's database/ })
  await other.query('rollback')
})

test('a trigger enqueues with the SQL function, and psql does', { skip }, async (t) => {
  const { errand, schema, query } = await aShop(t, server!)
  const seen: unknown[] = []
  errand.task('audit', { input: z.object({ n: z.number() }) }, (input, job) => void seen.push([input.n, job.metadata]))
  await query(`
    create function ${schema}.audit() returns trigger language plpgsql as $$
    begin
      perform ${schema}.enqueue('audit', jsonb_build_object('n', new.n), queue => 'audits', priority => 'high',
        unique_key => 'n-' || new.n, metadata => '{"by":"trigger"}');
      return new;
    end $$;
    create trigger audited after insert on ${schema}.effect for each row execute function ${schema}.audit()`)

  await query(`insert into ${schema}.effect values (1), (2), (2)`)
  await query(`begin; insert into ${schema}.effect values (3); rollback`)
  const [row] = await query(
    `select ${schema}.enqueue('audit', '{"n":9}', delay => '1 hour', tags => '{late}', id => 'mine') as id`,
  )
  const jobs = (await errand.jobs()).jobs
  const worker = await errand.worker({ queues: ['audits'], burst: true }).start()
  await worker.finished

  assert.equal(row!['id'], 'mine')
  assert.deepEqual(
    jobs.map(({ queue, priority, state, tags }) => [queue, priority, state, tags]),
    [
      ['default', 'normal', 'scheduled', ['late']],
      ['audits', 'high', 'ready', []],
      ['audits', 'high', 'ready', []],
    ],
  )
  assert.deepEqual(seen, [
    [1, { by: 'trigger' }],
    [2, { by: 'trigger' }],
  ])
  await assert.rejects(
    query(`select ${schema}.enqueue('audit', priority => 'soon')`),
    /urgent, high, normal or low, got 'soon'/,
  )
  await assert.rejects(
    query(`select ${schema}.enqueue('audit', '{"n":10}', id => 'mine')`),
    /with another task or input/,
  )
})

test('a transaction that has failed already is called that', { skip }, async (t) => {
  const { errand, client } = await aShop(t, server!)
  const task = errand.task('task', () => {})
  await task.enqueue(undefined)
  const tx = await client()
  await tx.query('begin')
  await assert.rejects(tx.query('select 1 / 0'), /division by zero/)

  await assert.rejects(task.enqueue(undefined, { tx }), { code: 'TRANSACTION', message: /has failed already/ })
})

test('a transaction that may not write is called that, for a job and for an end', { skip }, async (t) => {
  const { errand, client } = await aShop(t, server!)
  const thrown: unknown[] = []
  const readOnly = async () => {
    const tx = await client()
    await tx.query('begin read only')
    return tx
  }
  const task = errand.task('task', { retry: 1 }, async (_: undefined, job) => {
    await job.succeed('done', { tx: await readOnly() }).catch((error: unknown) => thrown.push(error))
  })
  const refusal = { code: 'TRANSACTION', message: /passed as `tx` is read-only.*without READ ONLY.*primary/ }

  await assert.rejects(task.enqueue(undefined, { tx: await readOnly() }), refusal)
  const job = await task.enqueue(undefined)
  await errand.worker().start()
  await job.result({ timeout: '20s' }).catch(() => {})

  assert.throws(() => {
    throw thrown[0]
  }, refusal)
  assert.equal((await errand.jobs()).jobs.length, 1)
})

test('the SQL function refuses what no worker could run, and says what it expected', { skip }, async (t) => {
  const { errand, schema, query } = await aShop(t, server!)
  await errand.open()
  const refused = (values: string, message: RegExp) =>
    assert.rejects(query(`select ${schema}.enqueue(${values})`), { message })

  await refused(`''`, /Expected task to be a name of 1 to 200 letters, digits or "_\.:\/@-", got ''/)
  await refused('null', /Expected task to be a name .*, got NULL/)
  await refused(`'two words'`, /Expected task to be a name .*, got 'two words'/)
  await refused(`'task', queue => ''`, /Expected queue to be a name .*, got ''/)
  await refused(`'task', queue => null`, /Expected queue to be a name .*, got NULL/)
  await refused(`'task', tags => array['a', null]`, /Expected tags to be texts, got \{a,NULL\}/)
  await refused(`'task', delay => '1 hour', due => '2030-01-01Z'`, /Expected delay or due, got both/)
  await refused(
    `'task', delay => '1000000 years'`,
    /Expected delay to be an interval from 0 to 1000 years, got '1000000 years'/,
  )
  await refused(
    `'task', delay => '-5 minutes'`,
    /Expected delay to be an interval from 0 to 1000 years, got '-00:05:00'/,
  )
  for (const due of ['infinity', '-infinity', '280000-01-01Z']) {
    await refused(
      `'task', due => '${due}'`,
      /Expected due to be a moment before the year 275760, got '-?(infinity|280000)/,
    )
  }
  await refused(`'task', id => ''`, /Expected id to be a text of 1 to 200 characters, got ''/)
  await refused(`'task', id => repeat('x', 201)`, /Expected id to be a text of 1 to 200 characters, got 'xxx/)
  await refused(`'task', unique_key => ''`, /Expected unique_key to be a text of 1 to 500 characters, got ''/)
  await refused(`'task', unique_key => repeat('x', 501)`, /Expected unique_key to be a text of 1 to 500 characters/)
  await refused(`'task', tags => array['a', '']`, /Expected each of tags to be a text of 1 to 200 characters, got ''/)
  await refused(`'task', keep_succeeded => '-1 day'`, /Expected keep_succeeded to be an interval .*, got '-1 days'/)
  await refused(`'task', keep_failed => null`, /Expected keep_failed to be an interval .*, got NULL/)
  await refused(
    `'task', to_jsonb(repeat('é', 524288))`,
    /Expected input to be of at most 1048576 bytes, got 1048578 bytes/,
  )
  await refused(
    `'task', metadata => jsonb_build_object('a', repeat('x', 1048576))`,
    /Expected metadata to be of at most/,
  )
  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('the SQL function takes what is just within its bounds', { skip }, async (t) => {
  const { errand, schema, query } = await aShop(t, server!)
  await errand.open()

  const bounds = [
    `delay => '1000 years'`,
    `delay => '0'`,
    `due => '275760-09-13Z'`,
    `due => '4712-01-01 BC'`,
    `id => repeat('x', 200)`,
    `unique_key => repeat('x', 500)`,
    `keep_succeeded => '1000 years', keep_failed => '0'`,
    `input => to_jsonb(repeat('é', 524287))`,
  ]
  for (const bound of bounds) await query(`select ${schema}.enqueue('task', ${bound})`)
  const { jobs } = await errand.jobs()

  assert.equal(jobs.length, bounds.length)
  for (const { dueAt } of jobs) assert.ok(dueAt === undefined || !Number.isNaN(dueAt.getTime()))
})
