/** What a caller's transaction takes while it is open, and what it must not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { Errand, postgresStore } from '../../src/index.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { aPostgres } from './postgres-servers.ts'
import { aShop, within } from './postgres-shop.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

test('a unique key that another open transaction is taking is waited for, by nobody else', { skip }, async (t) => {
  const { errand, pool, client } = await aShop(t, server!)
  const task = errand.task('task', () => {})
  const first = await client()

  await first.query('begin')
  const held = await task.enqueue(undefined, { tx: first, unique: 'k' })
  const inOther = within(pool, (tx) => task.enqueue(undefined, { tx, unique: 'k' }))
  const outside = task.enqueue(undefined, { unique: 'k' })
  const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock'`
  while ((await pool.query(waiting)).rowCount! < 2);
  await pool.query('select pg_sleep(0.5)')
  const plain = await Promise.all([task.enqueue(), task.enqueue(undefined, { unique: 'another' })])
  await first.query('commit')

  const handles = await Promise.all([inOther, outside])
  assert.deepEqual(
    handles.map(({ id, deduplicated }) => [id, deduplicated]),
    [
      [held.id, true],
      [held.id, true],
    ],
  )
  assert.deepEqual(await Promise.all(plain.map((job) => job.state())), ['ready', 'ready'])
})

test('a job may be replaced in a transaction, whose settings stay as they were', { skip }, async (t) => {
  const { errand, pool } = await aShop(t, server!)
  const task = errand.task('task', () => {})
  const before = await task.enqueue(undefined, { unique: 'k' })

  const [after, timeout] = await within(pool, async (tx) => {
    await tx.query(`set local lock_timeout = '7s'`)
    const job = await task.enqueue(undefined, { tx, unique: { key: 'k', onConflict: 'replace' } })
    const { rows } = await tx.query<{ lock_timeout: string }>('show lock_timeout')
    return [job, rows[0]!.lock_timeout] as const
  })

  assert.deepEqual([await before.state(), await after.state(), timeout], ['cancelled', 'ready', '7s'])
})

test("a pool whose only connection is the caller's is enough", { skip }, async (t) => {
  const pool = new pg.Pool({ connectionString: server!.url, max: 1 })
  const errand = new Errand({ store: postgresStore({ pool, schema: 'lone' }) })
  t.after(async () => {
    await errand.close()
    await pool.end()
  })
  await errand.open()
  const task = errand.task('task', (_: void, job) => within(pool, (tx) => job.succeed('done', { tx })))
  await task.enqueue()

  const job = await within(pool, (tx) => task.enqueue(undefined, { tx }))
  await errand.worker().start()

  assert.equal(await job.result({ timeout: '10s' }), 'done')
})

test('an open transaction with jobs of every kind holds up nobody else', { skip }, async (t) => {
  const { errand, client } = await aShop(t, server!)
  const store = await errand.open()
  const lane = { name: 'l', slots: 1 }
  const rate = { name: 'r', tokens: 1000, perMs: 1000 }
  const plain = { task: 'task', queue: 'default', rank: 2, input: '{}', keepSucceededMs: 1, keepFailedMs: 1 } as const
  const task = errand.task('task', () => 'done')
  const before = await task.enqueue()
  await store.insert([[{ ...plain, id: 'laned first', lane, rate }]])
  const tx = await client()

  await tx.query('begin')
  const calls = [
    [
      { ...plain, id: 'laned', lane },
      { ...plain, id: 'rated', rate },
      { ...plain, id: 'waiting', after: { on: [before.id], otherwise: 'run' } as const },
      { ...plain, id: 'later', due: { inMs: 10 } },
    ],
  ]
  await store.insertWith!(tx, calls)
  const worker = await errand.worker().start()
  await store.insert([[{ ...plain, id: 'laned after', lane }]])
  const all = await Promise.all(
    [before, errand.job('laned first'), errand.job('laned after')].map((job) => job.result({ timeout: '10s' })),
  )
  await tx.query('commit')
  const late = await Promise.all(calls[0]!.map(({ id }) => errand.job(id).result({ timeout: '10s' })))
  await worker.stop()

  assert.deepEqual([...all, ...late], Array(7).fill('done'))
})

test('a transaction left open by a silent worker keeps upkeep from nothing but its own job', { skip }, async (t) => {
  const { client } = await aShop(t, server!)
  const time = { now: 1_000_000, monotonic: 1_000_000 }
  const store = new PostgresStore({ url: server!.url, schema: 'frozen', clock: () => ({ ...time }) })
  t.after(() => store.close())
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      time.now += 1_000
      time.monotonic += 1_000
      await store.upkeep()
    }
  }
  const states = async () => (await store.get(['a', 'b', 'due'])).map((job) => (job as { state: string }).state)
  await store.upkeep()
  await store.insert([[aJob({ id: 'a' }), aJob({ id: 'b' }), aJob({ id: 'due', due: { inMs: 2_000 } })]])
  const incarnation = await store.join(aWorker())
  const turn = await store.turn(aTurn({ incarnation }))
  assert.ok(!turn.gone)
  const tx = await client()

  await tx.query('begin')
  const [first] = turn.claimed
  await store.settleWith(tx, incarnation, aSettlement(first!, succeeded))
  await pass(10_000)
  const meanwhile = await states()
  const cancelling = store.cancel(['a'])
  await assert.rejects(cancelling, { code: 'STORE_BUSY', outcome: 'none' })
  await tx.query('commit')
  await pass(10_000)

  assert.deepEqual(meanwhile, ['running', 'ready', 'ready'])
  assert.deepEqual(await states(), ['succeeded', 'ready', 'ready'])
  assert.deepEqual(await store.workers(), [])
})

test(
  'crowds of transactions, workers and cancels meet without a deadlock, and every effect has its success',
  { skip, timeout: 60_000 },
  async (t) => {
    const { errand, pool, schema, query } = await aShop(t, server!)
    const store = await errand.open()
    const errors: unknown[] = []
    errand.on('error', ({ error }) => errors.push(error))
    errand.task('task', { retry: { attempts: 5, first: 5 } }, (n: number, job) =>
      within(pool, async (tx) => {
        await tx.query(`insert into ${schema}.effect values (${n})`)
        const result = await job.succeed('in its transaction', { tx })
        if (n % 5 === 1 && job.attempt === 1) throw new Error('undone')
        return result
      }),
    )
    const workers = await Promise.all([1, 2].map(() => errand.worker({ concurrency: 4 }).start()))
    const plain = { task: 'task', queue: 'default', rank: 2, keepSucceededMs: 3.6e6, keepFailedMs: 3.6e6 } as const

    const produce = async (from: number) => {
      for (let n = from; n < from + 40; n++) {
        const job = {
          ...plain,
          id: `${n}`,
          input: `${n}`,
          ...(n % 3 === 0 && { lane: { name: `l${n % 2}`, slots: 3 } }),
          ...(n % 7 === 0 && {
            unique: { key: `k${n % 2}`, scope: 'active', onConflict: n % 2 ? 'keep' : 'replace' } as const,
          }),
          ...(n % 4 === 1 && n > from && { after: { on: [`${from}`], otherwise: 'run' } as const }),
        }
        if (n % 2) await within(pool, (tx) => store.insertWith!(tx, [[job]]) as Promise<unknown>)
        else await store.insert([[job]])
        if (n % 11 === 10) await store.cancel([`${n}`])
      }
    }
    await Promise.all([1000, 2000, 3000, 4000].map(produce))
    const left = `select 1 from ${schema}.body b where not exists (select from ${schema}.done d where d.no = b.no)`
    while ((await query(left)).length > 0) await query('select pg_sleep(0.1)')
    await Promise.all(workers.map((worker) => worker.stop()))

    const ends = `select b.id::int as n from ${schema}.done d join ${schema}.body b on b.no = d.no where d.state = 4 order by 1`
    assert.deepEqual(await query(`select n from ${schema}.effect order by n`), await query(ends))
    assert.deepEqual(errors, [])
    assert.deepEqual(await query(`select deadlocks::int from pg_stat_database where datname = 'postgres'`), [
      { deadlocks: 0 },
    ])
  },
)
