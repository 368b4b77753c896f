/** What a turn costs, counted in pages, since those do not depend on how busy the machine is. */
import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import pg from 'pg'
import { migrationsIn } from '../../src/store/migrations.ts'
import { migrationsFolder } from '../../src/store/postgres/migrate.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import type { ClaimedJob } from '../../src/store/store.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findPostgres, startPostgres } from '../servers.ts'

const program = await findPostgres()
// Nothing is analyzed, so that the plans show what they are without statistics.
const server = program === undefined ? undefined : await startPostgres(program, ['fsync=off', 'autovacuum=off'])
after(() => server?.stop())

const perTurn = 20
const skip = !server && 'no PostgreSQL server'
const many = 100_000
const entries = 'select sum(idx_tup_read) as n from pg_stat_user_indexes where schemaname = $1'

test('a turn costs no more with a long backlog, much history and many delayed jobs', { skip }, async (t) => {
  const bench = await Bench.open(t, 'growth')
  const before = await bench.pagesPerTurn(10)

  await bench.fill(many)
  const filled = await bench.pagesPerTurn(10)

  assert.ok(filled < 1.5 * before, `${filled} pages a turn instead of ${before}`)
})

const lines = { 'many wait in line': perTurn, 'it leaves none in line': 2 * perTurn }
for (const [when, room] of Object.entries(lines)) {
  test(`a turn costs no more while somebody holds an old snapshot, where ${when}`, { skip }, async (t) => {
    const bench = await Bench.open(t, `pinned_${room}`)
    bench.room = room
    await bench.pagesPerTurn(45)
    await holdSnapshot(t)

    const early = await bench.entriesPerTurn(26)
    await bench.entriesPerTurn(120)
    const late = await bench.entriesPerTurn(26)

    assert.ok(late < 1.5 * early, `${late} entries of indexes a turn instead of ${early}`)
  })
}

async function holdSnapshot(t: TestContext): Promise<void> {
  const holder = new pg.Client({ connectionString: server!.url })
  await holder.connect()
  t.after(() => holder.end())
  await holder.query('begin isolation level repeatable read; select 1')
}

test('finding by a tag that is indexed costs no more with many jobs', { skip }, async (t) => {
  const bench = await Bench.open(t, 'tags')
  await bench.insertTagged('part-of:whole')
  await bench.pagesToFind('part-of:whole')
  const before = await bench.pagesToFind('part-of:whole')

  await bench.fill(many)
  const filled = await bench.pagesToFind('part-of:whole')

  assert.ok(filled < 2 * before, `${filled} pages instead of ${before}`)
})

test('cancelling a job costs no more among many that are cancelled with it', { skip }, async (t) => {
  const bench = await Bench.open(t, 'cancelling')
  await bench.entriesPerCancel(50)

  const few = await bench.entriesPerCancel(50)
  const crowd = await bench.entriesPerCancel(800)

  assert.ok(crowd < 1.5 * few, `${crowd} entries of indexes a job instead of ${few}`)
})

test('reading and cancelling a job cost no more with a long backlog', { skip }, async (t) => {
  const bench = await Bench.open(t, 'backlog')
  await bench.pagesPerCancel(20)
  const before = await bench.pagesPerCancel(20)

  await bench.fill(many)
  const filled = await bench.pagesPerCancel(20)

  assert.ok(filled < 1.5 * before, `${filled} pages a job instead of ${before}`)
})

const pagesRead = `
  select sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0)) as n
  from pg_statio_user_tables where schemaname = $1`

/** A store on one connection, and what its statements touch. */
class Bench {
  readonly #env = new ManualEnv()
  readonly #pool: pg.Pool
  readonly #store: PostgresStore
  readonly #schema: string
  /** For how many jobs a turn has room. */
  room = perTurn
  #worker = ''
  #held: readonly ClaimedJob[] = []
  #made = 0

  constructor(schema: string) {
    const env = this.#env
    const clock = () => ({ now: env.now(), monotonic: env.monotonic() })
    this.#schema = schema
    this.#pool = new pg.Pool({ connectionString: server!.url, max: 1 })
    this.#store = new PostgresStore({ pool: this.#pool, schema, env, clock })
  }

  static async open(t: TestContext, schema: string): Promise<Bench> {
    const bench = new Bench(schema)
    t.after(async () => {
      await bench.#store.close()
      await bench.#pool.end()
    })
    bench.#worker = await bench.#store.join(aWorker({ leaseMs: 600_000 }))
    await bench.insert(40 * perTurn)
    await bench.pagesPerTurn(10)
    return bench
  }

  async insert(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 500) {
      const jobs = Array.from({ length: Math.min(500, left) }, () => aJob({ id: `j${this.#made++}` }))
      await this.#store.insert([jobs])
    }
  }

  /** Finished and delayed jobs written as the engine writes them, and more jobs in the line. */
  async fill(count: number): Promise<void> {
    const [queue, task] = ['select min(no) from errand.queue', 'select min(no) from errand.task']
    await this.#say(`
      insert into errand.body (no, id, created, task, queue, rank, flags, keep_succeeded, keep_failed, input)
      select n + 1000000, 'fill-' || n, 0, (${task}), (${queue}), 2, 0, 1000000, 1000000, '{}' from generate_series(1, 3 * ${count}) n`)
    await this.#say(`
      insert into errand.done (no, state, flags, attempts, crashes, finished, until)
      select n + 1000000, 4, 0, 1, 0, 0, 8000000000000000 from generate_series(1, ${count}) n`)
    await this.#say(`
      insert into errand.waiting (no, kind, queue, rank, task, flags, keep_succeeded, keep_failed, due)
      select n + 1000000, 's', (${queue}), 2, (${task}), 0, 1, 1, 8000000000000000 from generate_series(${count} + 1, 2 * ${count}) n`)
    await this.#say(`
      insert into errand.ready (queue, rank, place, no, task, flags, keep_succeeded, keep_failed)
      select (${queue}), 2, n + 1000000, n + 1000000, (${task}), 0, 1, 1 from generate_series(2 * ${count} + 1, 3 * ${count}) n`)
  }

  pagesPerTurn(turns: number): Promise<number> {
    return this.#perTurn(turns, pagesRead)
  }

  async insertTagged(tag: string): Promise<void> {
    await this.#store.insert([[aJob({ tags: [tag] }), aJob({ tags: [tag] })]])
  }

  async pagesToFind(tag: string): Promise<number> {
    const before = await this.#sum(pagesRead)
    assert.equal((await this.#store.find({ tag })).jobs.length, 2)
    return (await this.#sum(pagesRead)) - before
  }

  /** Entries of dead rows too, which is what a claim would walk over. */
  entriesPerTurn(turns: number): Promise<number> {
    return this.#perTurn(turns, entries)
  }

  /** All at once: jobs that another one waits for, after that one. */
  async entriesPerCancel(count: number): Promise<number> {
    const members = Array.from({ length: count }, () => aJob())
    const ids = members.map(({ id }) => id)
    const waiter = aJob({ after: { on: ids, otherwise: 'cancel' } })
    await this.#store.insert([[...members, waiter]])

    const before = await this.#sum(entries)
    await this.#store.cancel([waiter.id, ...ids])

    return Math.round(((await this.#sum(entries)) - before) / count)
  }

  /** Of jobs that nobody waits for, each read before. */
  async pagesPerCancel(count: number): Promise<number> {
    const jobs = Array.from({ length: count }, () => aJob())
    const ids = jobs.map(({ id }) => id)
    await this.#store.insert([jobs])

    const before = await this.#sum(pagesRead)
    assert.ok((await this.#store.get(ids)).every((job) => job !== 'gone' && job?.state === 'ready'))
    assert.ok((await this.#store.cancel(ids)).every((answer) => answer === 'cancelled'))

    return Math.round(((await this.#sum(pagesRead)) - before) / count)
  }

  async #perTurn(turns: number, count: string): Promise<number> {
    const before = await this.#sum(count)
    for (let turn = 0; turn < turns; turn++) await this.#turn()
    return Math.round(((await this.#sum(count)) - before) / turns)
  }

  /** Each at another time, as in life, while jobs come in. */
  async #turn(): Promise<void> {
    await this.#env.advance(600)
    await this.insert(perTurn)
    const answer = await this.#store.turn(
      aTurn({
        incarnation: this.#worker,
        settled: this.#held.map((job) => aSettlement(job, succeeded)),
        room: [{ queues: ['default'], jobs: this.room, bottomUp: 0 }],
      }),
    )
    assert.ok(!answer.gone && answer.claimed.length >= perTurn)
    this.#held = answer.claimed
  }

  async #sum(count: string): Promise<number> {
    await this.#pool.query('select pg_stat_force_next_flush()')
    const { rows } = await this.#pool.query<{ n: string }>(count, [this.#schema])
    return Number(rows[0]!.n)
  }

  async #say(sql: string): Promise<void> {
    await this.#pool.query(sql.replaceAll('errand.', `${this.#schema}.`))
  }
}

test('whoever forbids plans forbids compiling too: what is forbidden counts as dear, and dear statements are compiled each time', () => {
  const texts = migrationsIn(migrationsFolder).map(({ sql }) => sql)
  const heads = texts
    .flatMap((text) => [...text.matchAll(/^create (?:function|procedure) [^$]*\$\$/gm)])
    .map(([head]) => head)
  const forbidding = heads.filter((head) => /enable_\w+ = off/.test(head))

  assert.ok(forbidding.length > 0)
  assert.deepEqual(
    forbidding.filter((head) => !head.includes('set jit = off')),
    [],
  )
})
