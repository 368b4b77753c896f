/** Through pgbouncer, which hands its connections out by the transaction. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import { Errand, postgresStore } from '../../src/index.ts'
import { ended, findProgram, freePort } from '../servers.ts'
import { aPostgres } from './postgres-servers.ts'

const program = await findProgram({
  what: 'pgbouncer',
  variable: 'PGBOUNCER',
  names: ['pgbouncer'],
  debianPackage: 'pgbouncer',
  folders: ['/usr/sbin'],
})
const server = await aPostgres()
const pooler = server && program ? await startPooler(program, server.port) : undefined
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

/** Gives the URL of a pgbouncer in transaction mode, with two connections to the server. */
async function startPooler(file: string, serverPort: number): Promise<string> {
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
pool_mode = transaction
default_pool_size = 2
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
