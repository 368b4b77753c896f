/** Through pgbouncer, which hands its connections out by the transaction, or by the session. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { Errand, postgresStore, type PostgresOptions } from '../../src/index.ts'
import { ended, findProgram, freePort } from '../servers.ts'
import { aConnection, aPostgres } from './postgres-servers.ts'

const program = await findProgram({
  what: 'pgbouncer',
  variable: 'PGBOUNCER',
  names: ['pgbouncer'],
  debianPackage: 'pgbouncer',
  folders: ['/usr/sbin'],
})
const server = await aPostgres()
const pooler = server && program ? await startPooler(program, server.port, 'transaction') : undefined
const bySession = server && program ? await startPooler(program, server.port, 'session') : undefined
const skip = !pooler && 'no PostgreSQL server or no pgbouncer'

for (const way of ['nothing is heard', 'listening past it'] as const) {
  test(`jobs are enqueued, run and waited for through a pooler, ${way}`, { skip }, async (t) => {
    const schema = way === 'nothing is heard' ? 'deaf' : 'past'
    const listenUrl = way === 'nothing is heard' ? {} : { listenUrl: server!.url }
    const make = () => {
      const app = new Errand({ store: postgresStore({ url: pooler!, schema, pooler: true, ...listenUrl }) })
      const task = app.task('task', ({ n }: { n: number }) => n * 2)
      t.after(() => app.close())
      return { app, task }
    }
    // Two clients meet the same few connections of the server, and each other's prepared statements if there were any.
    const [producer, worker] = [make(), make()]
    await worker.app.worker().start()

    const jobs = await producer.task.enqueueMany(Array.from({ length: 50 }, (_, n) => ({ n })))
    const singles = await Promise.all(Array.from({ length: 50 }, (_, n) => producer.task.enqueue({ n })))
    const results = await Promise.all([...jobs, ...singles].map((job) => job.result({ timeout: '15s' })))
    const idle = await producer.task.enqueue({ n: 21 })

    assert.deepEqual(
      results,
      [...jobs, ...singles].map((_, n) => (n % 50) * 2),
    )
    assert.equal(await idle.result({ timeout: '15s' }), 42)
  })
}

test("a caller's transaction through the pooler carries jobs", { skip }, async (t) => {
  const errand = new Errand({ store: postgresStore({ url: pooler!, schema: 'carried', pooler: true }) })
  await errand.open()
  const task = errand.task('task', () => 'done')
  const tx = new pg.Client({ connectionString: pooler! })
  await tx.connect()
  t.after(async () => {
    await tx.end()
    await errand.close()
  })

  await tx.query('begin')
  const job = await task.enqueue(undefined, { tx })
  await tx.query('commit')
  await errand.worker().start()

  assert.equal(await job.result({ timeout: '15s' }), 'done')
})

const unsaid: Record<string, (schema: string) => PostgresOptions> = {
  'by the transaction': (schema) => ({ url: pooler!, schema, connections: 4 }),
  'by the session': (schema) => ({ url: bySession!, schema, connections: 4 }),
  "by the transaction, in an application's own pool": (schema) => ({
    pool: new pg.Pool({ connectionString: pooler!, max: 4 }),
    schema,
  }),
}
for (const [way, options] of Object.entries(unsaid)) {
  test(`a pooler that hands out ${way} and that nobody has spoken of loses nothing`, { skip }, async (t) => {
    const schema = `unsaid_${Object.keys(unsaid).indexOf(way)}`
    const failures: unknown[] = []
    const make = () => {
      const from = options(schema)
      const app = new Errand({ store: postgresStore(from) })
      const task = app.task('task', ({ n }: { n: number }) => n * 2)
      app.on('error', ({ error }) => failures.push(error))
      app.on('store away', ({ error }) => failures.push(error))
      t.after(async () => {
        await app.close()
        await (from.pool as pg.Pool | undefined)?.end()
      })
      return { app, task }
    }
    const [producer, worker] = [make(), make()]
    await producer.app.open()
    await worker.app.worker().start()

    const jobs = await Promise.all(Array.from({ length: 64 }, (_, n) => producer.task.enqueue({ n })))
    const results = await Promise.all(jobs.map((job) => job.result({ timeout: '15s' })))
    const alone = []
    for (let n = 0; n < 3; n++) alone.push(await (await producer.task.enqueue({ n })).result({ timeout: '15s' }))

    assert.deepEqual(
      results,
      jobs.map((_, n) => n * 2),
    )
    assert.deepEqual(alone, [0, 2, 4])
    assert.deepEqual(failures, [])
  })
}

test('no setting is left behind on a connection that a pooler hands to others', { skip }, async (t) => {
  const { query } = await aConnection(t, { url: pooler!, connections: 2 })
  await Promise.all(Array.from({ length: 8 }, () => query('select pg_sleep(0.01)')))
  const clients = Array.from({ length: 2 }, () => new pg.Client({ connectionString: pooler! }))
  t.after(() => Promise.all(clients.map((client) => client.end())))

  const limits = await Promise.all(
    clients.map(async (client) => {
      await client.connect()
      await client.query('begin')
      return (await client.query<{ statement_timeout: string }>('show statement_timeout')).rows[0]!.statement_timeout
    }),
  )

  assert.deepEqual(limits, ['0', '0'])
})

test('what is heard, and why not, is looked at', { skip }, async (t) => {
  const elsewhere = new pg.Client({ connectionString: server!.url })
  await elsewhere.connect()
  await elsewhere.query('create database elsewhere')
  await elsewhere.end()
  const listening = async (options: PostgresOptions) => {
    const store = new PostgresStore({ schema: 'looked_at', connectTimeout: 500, ...options })
    t.after(() => store.close())
    return (await store.inspect()).find(({ subject }) => subject === 'listening')!
  }
  const { url } = server!

  const found = {
    well: await listening({ url }),
    past: await listening({ url: pooler!, pooler: true, listenUrl: url }),
    through: await listening({ url: pooler!, pooler: true }),
    unsaid: await listening({ url: pooler! }),
    dead: await listening({ url, listenUrl: `postgres://127.0.0.1:${await freePort()}/postgres`, waitForServer: 200 }),
    wrong: await listening({ url, listenUrl: url.replace(/\/postgres$/, '/elsewhere') }),
  }

  const verdicts = Object.fromEntries(Object.entries(found).map(([way, { verdict }]) => [way, verdict]))
  const bad = { through: 'warning', unsaid: 'warning', dead: 'warning', wrong: 'warning' }
  assert.deepEqual(verdicts, { well: 'good', past: 'good', ...bad })
  assert.match(found.through.detail, /Give `listenUrl`/)
  assert.match(found.unsaid.detail, /add `pooler=true`/)
  assert.match(found.dead.detail, /ECONNREFUSED/)
  assert.match(found.wrong.detail, /`listenUrl`, where it is given, must lead to the same database/)
})

test('where nobody can be listened to, work and results are found all the same, and at once', { skip }, async (t) => {
  const listenUrl = `postgres://127.0.0.1:${await freePort()}/postgres`
  const app = new Errand({
    store: postgresStore({ url: server!.url, schema: 'not_heard', listenUrl, waitForServer: '1h' }),
  })
  const task = app.task('task', () => 'done')
  t.after(() => app.close())

  await app.worker().start()
  const jobs = await task.enqueueMany(Array.from({ length: 100 }, () => undefined))

  for (const job of jobs) assert.equal(await job.result({ timeout: '20s' }), 'done')
})

test('one pool carries stores in two schemas', { skip: !server && 'no PostgreSQL server' }, async (t) => {
  const pool = new pg.Pool({ connectionString: server!.url, max: 1 })
  const apps = ['left', 'right'].map((schema) => new Errand({ store: postgresStore({ pool, schema }) }))
  t.after(async () => {
    for (const app of apps) await app.close()
    await pool.end()
  })

  let lost = 0
  pool.on('remove', () => lost++)
  const tasks = apps.map((app) => app.task('task', () => {}))
  for (let n = 0; n < 2; n++) for (const task of tasks) await task.enqueue(undefined)

  assert.equal(lost, 0)
  for (const app of apps) assert.equal((await app.jobs()).jobs.length, 2)
})

/** Gives the URL of a pgbouncer as it is when nothing else is said; by the transaction it has two connections to the server. */
async function startPooler(file: string, serverPort: number, mode: 'transaction' | 'session'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-pooler-'))
  const port = await freePort()
  const users = join(folder, 'users.txt')
  writeFileSync(users, '"postgres" ""\n')
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
postgres = host=127.0.0.1 port=${serverPort} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${mode === 'transaction' ? 2 : 20}
`,
  )
  chmodSync(folder, 0o755)
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(file, ['-q', ...user, join(folder, 'pgbouncer.ini')], { stdio: ['ignore', 'ignore', 'inherit'] })
  after(async () => {
    await ended(child, 'SIGKILL')
    rmSync(folder, { recursive: true })
  })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return url
    } catch {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}.`)
    }
  }
}
