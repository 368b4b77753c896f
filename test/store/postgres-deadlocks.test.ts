/** Many connections that do everything at once to the same few jobs, lanes and keys. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import pg from 'pg'
import type { Outcome } from '../../src/outcome.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import type { ClaimedJob, NewJob } from '../../src/store/store.ts'
import { aJob, anError, aTurn, aWorker } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findPostgres, startPostgres } from '../servers.ts'

const program = await findPostgres()
const server =
  program === undefined
    ? undefined
    : await startPostgres(program, ['fsync=off', 'max_connections=100', 'deadlock_timeout=50ms'])
after(() => server?.stop())

const actors = 8
const rounds = 60

test(
  'whatever meets, nothing deadlocks, and every job ends once',
  { skip: !server && 'no PostgreSQL server' },
  async () => {
    const world = new World(server!.url)
    const crowd = Array.from({ length: actors }, (_, index) => new Actor(world, index + 1))

    await Promise.all(crowd.map((actor) => actor.live()))
    await crowd[0]!.finishAll()

    assert.deepEqual(world.twice, [], 'jobs whose end was accepted twice')
    assert.deepEqual(await world.look(), {
      deadlocks: 0,
      unfinished: 0,
      misplaced: 0,
      miscounted: 0,
      slots: 0,
      edges: 0,
      cascades: 0,
    })
    await Promise.all(crowd.map((actor) => actor.store.close()))
  },
)

/** What the actors share: a clock, the ids, and what was accepted. */
class World {
  readonly url: string
  readonly ids: string[] = []
  readonly twice: string[] = []
  readonly #ended = new Set<string>()
  readonly #again = new Set<string>()
  ms = 1_000_000

  constructor(url: string) {
    this.url = url
  }

  ended(id: string): void {
    if (this.#ended.has(id) && !this.#again.has(id)) this.twice.push(id)
    this.#ended.add(id)
  }

  /** Retried by hand, it may end again. */
  begun(id: string): void {
    this.#again.add(id)
  }

  async look(): Promise<Record<string, number>> {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    const { rows } = await client.query<Record<string, string>>(lookText)
    await client.end()
    return Object.fromEntries(Object.entries(rows[0]!).map(([name, n]) => [name, Number(n)]))
  }
}

const lookText = `
  with place as (
    select no, 'ready' as at, flags from errand.ready union all select no, 'running', flags from errand.running
    union all select no, 'waiting', flags from errand.waiting union all select no, 'done', flags from errand.done
  ), counted as (
    select queue, state, sum(n) as n from (
      select queue, state, n from errand.tally union all select queue, was, -n from errand.move where was >= 0
      union all select queue, now, n from errand.move where now >= 0
    ) changes group by queue, state
  ), actual as (select b.queue, d.state, count(*) as n from errand.done d join errand.body b using (no) group by 1, 2)
  select
    (select deadlocks from pg_stat_database where datname = current_database()) as deadlocks,
    (select count(*) from place where at <> 'done') as unfinished,
    (select count(*) from errand.body b where (select count(*) from place p where p.no = b.no) <> 1) as misplaced,
    (select count(*) from counted c full join actual a using (queue, state) where coalesce(c.n, 0) <> coalesce(a.n, 0)) as miscounted,
    (select count(*) + (select sum(taken) from errand.lane) from place where flags & 65536 <> 0) as slots,
    (select count(*) from errand.edge where open) as edges,
    (select count(*) from errand.cascade) as cascades`

class Actor {
  readonly store: PostgresStore
  readonly #world: World
  readonly #env: ManualEnv
  readonly #number: number
  #worker = ''
  #held: ClaimedJob[] = []
  #made = 0

  constructor(world: World, number: number) {
    this.#world = world
    this.#number = number
    this.#env = new ManualEnv({ seed: number, firstId: number * 1_000_000 })
    const clock = () => ({ now: world.ms, monotonic: world.ms })
    this.store = new PostgresStore({ url: world.url, connections: 2, env: this.#env, clock })
  }

  async live(): Promise<void> {
    this.#worker = await this.store.join(aWorker())
    for (let round = 0; round < rounds; round++) await this.#something()
  }

  /** Until nothing is left to do for anybody. */
  async finishAll(): Promise<void> {
    for (let round = 0, quiet = 0; round < 500 && quiet < 12; round++) {
      this.#world.ms += 1_000
      const { held, released } = await this.#openHeld()
      await this.store.upkeep()
      await this.#turn(() => ({ kind: 'succeeded', result: null }))
      quiet = held + released + this.#held.length === 0 ? quiet + 1 : 0
    }
  }

  async #openHeld() {
    const blocked = await this.store.find({ states: ['blocked'], limit: 500 })
    const held = blocked.jobs.filter((job) => job.held).map(({ id }) => ({ id, result: null }))
    for (const { id } of held) this.#world.begun(id)
    const answers = held.length > 0 ? await this.store.release(held) : []
    return { held: blocked.jobs.length, released: answers.length }
  }

  #something(): Promise<unknown> {
    const kind = this.#dice(100)
    if (kind < 30) return this.store.insert([this.#batch()])
    if (kind < 70) return this.#turn((id) => this.#outcome(id))
    if (kind < 78) return this.store.cancel(this.#some(5))
    if (kind < 82) return this.#retry()
    if (kind < 85) return this.store.remove(this.#some(2))
    if (kind < 88) return this.store.change(this.#some(4), { rank: 1, due: { inMs: this.#dice(2) * 500 } })
    if (kind < 90) return this.#vanish()
    this.#world.ms += this.#dice(700)
    return this.store.upkeep()
  }

  #batch(): NewJob[] {
    return Array.from({ length: 1 + this.#dice(12) }, () => {
      const id = `a${this.#number}-${this.#made++}`
      const job = this.#job(id)
      this.#world.ids.push(id)
      return job
    }).filter((job, _, all) => job.after?.on.every((on) => all.some(({ id }) => id === on)) ?? true)
  }

  #job(id: string): NewJob {
    const before = this.#world.ids.slice(-6).filter((known) => known.startsWith(`a${this.#number}-`))
    return aJob({
      id,
      queue: this.#dice(3) === 0 ? 'other' : 'default',
      keepSucceededMs: 10 * 3_600_000,
      keepFailedMs: 10 * 3_600_000,
      ...(this.#dice(4) === 0 && { lane: { name: `lane${this.#dice(3)}`, slots: 3 } }),
      ...(this.#dice(8) === 0 && { rate: { name: 'rate', tokens: 5, perMs: 500 } }),
      ...(this.#dice(6) === 0 && {
        unique: {
          key: `${this.#dice(4)}`,
          scope: 'active' as const,
          onConflict: this.#dice(2) ? ('keep' as const) : ('replace' as const),
        },
      }),
      ...(this.#dice(3) === 0 &&
        before.length > 0 && {
          after: { on: before, otherwise: this.#dice(2) ? ('run' as const) : ('cancel' as const) },
        }),
      ...(this.#dice(20) === 0 && { held: true }),
    })
  }

  async #turn(outcome: (id: string) => Outcome): Promise<void> {
    const settled = this.#held.map((claim) => ({ claim, outcome: outcome(claim.id), ranMs: 1 }))
    const answer = await this.store.turn(
      aTurn({ incarnation: this.#worker, settled, room: [{ queues: ['default', 'other'], jobs: 8, bottomUp: 1 }] }),
    )
    this.#held = []
    if (answer.gone) return void (this.#worker = await this.store.join(aWorker()))

    const stale = new Set(answer.stale.map(({ id }) => id))
    for (const { claim, outcome: end } of settled) {
      if (!stale.has(claim.id) && end.kind !== 'retry' && end.kind !== 'wait') this.#world.ended(claim.id)
    }
    this.#held = [...answer.claimed]
  }

  async #retry(): Promise<void> {
    const ids = this.#some(3)
    for (const id of ids) this.#world.begun(id)
    await this.store.retry(ids)
  }

  /** Says nothing any more; its jobs are for a rescue. */
  async #vanish(): Promise<void> {
    this.#held = []
    this.#worker = await this.store.join(aWorker())
  }

  #outcome(id: string): Outcome {
    const kind = this.#dice(10)
    if (kind < 6) return { kind: 'succeeded', result: 'null' }
    if (kind < 8) return { kind: 'failed', error: anError }
    if (kind < 9) return { kind: 'retry', error: anError, delayMs: this.#dice(2) * 200 }
    // For older ones only, so that nobody waits in a circle.
    const { ids } = this.#world
    return { kind: 'wait', on: this.#some(2).filter((other) => ids.indexOf(other) < ids.indexOf(id)) }
  }

  #some(count: number): string[] {
    const recent = this.#world.ids.slice(-60)
    return Array.from({ length: count }, () => recent[this.#dice(recent.length)] ?? 'nobody')
  }

  #dice(sides: number): number {
    return Math.floor(this.#env.random() * sides)
  }
}
