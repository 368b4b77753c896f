/**
 * A move with real processes on both sides, its mover killed twenty times, held against a ledger kept outside of
 * both stores.
 */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import pg from 'pg'
import type { MoveReport } from '../../src/move/move.ts'
import { systemEnv } from '../../src/env.ts'
import { allSchedules } from '../../src/schedule/all.ts'
import type { JobRecord, NewJob, Store } from '../../src/store/store.ts'
import { judge, type JobInTheEnd } from '../faults/checker.ts'
import { engines } from '../faults/engine.ts'
import { LedgerWriter, readLedger } from '../faults/ledger.ts'
import { Processes, type Child } from '../faults/processes.ts'
import { between, seeded } from '../faults/random.ts'
import { pass } from '../faults/scene.ts'
import { findPostgres, findRedis, startPostgres, startRedis } from '../servers.ts'
import type { MoverPlan, Side } from './mover.ts'

const kills = Number(process.env['KILLS'] ?? 20)
/** Engines of the fault lanes, from one to the other. */
const moves = [
  ['sqlite', 'sqlite'],
  ['sqlite', 'redis'],
  ['redis', 'sqlite'],
  ['redis', 'redis'],
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
  ['redis', 'postgres'],
  ['postgres', 'redis'],
] as const
type EngineName = (typeof moves)[number][number]

const redisProgram = await findRedis()
const redis = redisProgram === undefined ? undefined : await startRedis(redisProgram)
let prefixes = 0
const postgresProgram = await findPostgres()
const postgres = postgresProgram === undefined ? undefined : await startPostgres(postgresProgram, ['fsync=off'])
/** One for each store that a move begins or ends in. */
const databases = moves.flat().flatMap((engine, nth) => (engine === 'postgres' ? `move_${nth}` : []))
if (postgres) await makeDatabases(postgres.url, databases)

/** What a new store is called, where there is one to be had; a folder is given to it alone. */
const places: Readonly<Record<EngineName, ((folder: string) => string) | undefined>> = {
  sqlite: (folder) => join(folder, 'errand.db'),
  redis: redis && (() => `${redis.url}?prefix=move-${++prefixes}`),
  postgres: postgres && (() => postgres.url.replace(/[^/]*$/, databases.shift()!)),
}

after(() => Promise.all([redis?.stop(), postgres?.stop()]))

async function makeDatabases(connectionString: string, names: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  for (const name of names) await client.query(`create database ${name}`)
  await client.end()
}

const hour = 3_600_000
/** Claims of the destination are counted from here, so that no two of a job are alike. */
const tokensFrom = 1_000_000

class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'errand-move-'))
  readonly from: Side
  readonly to: Side
  readonly #ledger = join(this.folder, 'ledger')
  readonly control: LedgerWriter
  readonly #processes: Processes
  readonly #stores = new Map<Side, Promise<Store>>()
  readonly #movers: ChildProcess[] = []

  constructor(from: EngineName, to: EngineName) {
    this.from = this.#side(from, 'from')
    this.to = this.#side(to, 'to')
    mkdirSync(this.#ledger)
    this.control = new LedgerWriter(this.#ledger, 'harness')
    this.#processes = new Processes(this.control)
  }

  producer(by: string, side: Side, seed: number): Child {
    const load = { jobs: 1_000_000, together: 3, everyMs: 50, longestMs: 30, flakyEvery: 7, delayedEvery: 5, seed }
    return this.#processes.start({ by, ledger: this.#ledger, ...side, produce: load })
  }

  worker(by: string, side: Side): Child {
    const worker = { lease: '4s', concurrency: 5 }
    const tokens = side === this.to ? { tokensFrom } : {}
    return this.#processes.start({ by, ledger: this.#ledger, ...side, worker, ...tokens })
  }

  mover(plan: Omit<MoverPlan, 'from' | 'to'>): ChildProcess {
    const asked: MoverPlan = { ...plan, from: this.from, to: this.to }
    const mover = fork(join(import.meta.dirname, 'mover.ts'), [JSON.stringify(asked)], {
      execArgv: ['--conditions=errand-source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#movers.push(mover)
    return mover
  }

  /** As a producer would: a few steps, each after the one before. */
  async flow(name: string): Promise<void> {
    const ids = Array.from({ length: 4 }, (_, index) => `${name}-${index}`)
    for (const id of ids) this.control.write('intent', { kind: 'try', id })
    const [outcomes] = await (await this.store(this.from)).insert([ids.map((id, index) => step(id, ids[index - 1]))])
    assert.ok(outcomes!.every(({ kind }) => kind === 'inserted'))
    for (const id of ids) this.control.write('intent', { kind: 'ack', id })
  }

  /** Fires what is due in both stores until it is told to stop, and declares its rule in the first one all the time. */
  async schedule(stopped: () => boolean): Promise<number[]> {
    const stores = await Promise.all([this.store(this.from), this.store(this.to)])
    const [here, there] = [stores[0].schedules, stores[1].schedules]
    const ticks: number[] = []
    await here.put([{ name: 'tick', rule: 'every 100 ms', nextAt: Date.now() }])
    while (!stopped()) {
      for (const side of [here, there]) ticks.push(...(await this.#fire(side)))
      await here.put([{ name: 'tick', rule: 'every 100 ms', nextAt: Date.now() }])
      await pass(20)
    }
    return ticks
  }

  async #fire(schedules: Store['schedules']): Promise<number[]> {
    const due = (await allSchedules(schedules)).filter(({ nextAt }) => nextAt !== null && nextAt <= Date.now())
    const fired: number[] = []
    for (const { name, nextAt: at } of due) {
      const id = `${name}-${at}`
      this.control.write('intent', { kind: 'try', id })
      const [answer] = await schedules.fire([{ name, at: at!, nextAt: at! + 100, job: step(id, undefined) }])
      if (answer !== 'fired') continue
      this.control.write('intent', { kind: 'ack', id })
      fired.push(at!)
    }
    return fired
  }

  /** The harness's own handle. */
  store(side: Side): Promise<Store> {
    const store = this.#stores.get(side) ?? engines[side.engine]!.open(side.place, systemEnv(), 'full')
    this.#stores.set(side, store)
    return store
  }

  #side(engine: EngineName, name: string): Side {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    return { engine, place: places[engine]!(folder) }
  }

  async jobs(side: Side): Promise<JobRecord[]> {
    const found: JobRecord[] = []
    let cursor: string | undefined
    do {
      const page = await (await this.store(side)).find({ limit: 500 }, cursor)
      found.push(...page.jobs)
      cursor = page.cursor
    } while (cursor !== undefined)
    return found
  }

  verdict(jobs: readonly JobRecord[]): ReturnType<typeof judge> {
    return judge(readLedger(this.#ledger), jobs.map(inTheEnd), { recoveryMs: 10_000 })
  }

  async end(): Promise<void> {
    for (const mover of this.#movers) mover.kill('SIGKILL')
    await this.#processes.end()
    for (const store of this.#stores.values()) await (await store).close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function step(id: string, before: string | undefined): NewJob {
  const job = { id, task: 'work', queue: 'default', rank: 2, input: '{"ms":5}', keepSucceededMs: hour } as const
  return { ...job, keepFailedMs: hour, ...(before !== undefined && { after: { on: [before], otherwise: 'cancel' } }) }
}

function inTheEnd({ id, state, result, error }: JobRecord): JobInTheEnd {
  return {
    id,
    state,
    ...(typeof result === 'string' && { result: JSON.parse(result) as { token: number; by: string } }),
    ...(error?.code !== undefined && { errorCode: error.code }),
  }
}

const exited = (mover: ChildProcess) =>
  new Promise<NodeJS.Signals | null>((resolve) => mover.once('exit', (_, signal) => resolve(signal)))

/** Its first words say that it has begun to carry. */
const begun = (mover: ChildProcess) => new Promise<void>((resolve) => mover.once('message', () => resolve()))

/** Half of them die at one of their calls, the other half at any moment. */
async function killOne(stage: Stage, nth: number, random: () => number): Promise<void> {
  const call = between(random, 3, 30)
  const death = { call, when: random() < 0.5 ? 'before' : 'after' } as const
  const mover = stage.mover({ follow: true, ...(nth % 2 === 0 && { death }) })
  const end = exited(mover)
  if (nth % 2 === 1) {
    await Promise.race([begun(mover), end])
    await pass(between(random, 0, 150))
    mover.kill('SIGKILL')
  }
  assert.equal(await end, 'SIGKILL')
}

async function finishMove(stage: Stage): Promise<MoveReport> {
  const mover = stage.mover({})
  return new Promise((resolve, reject) => {
    mover.on('message', (said: MoveReport & { finished?: boolean }) => said.finished && resolve(said))
    mover.on('exit', (code) => code !== 0 && reject(new Error(`the mover ended with ${code}`)))
  })
}

async function drain(stage: Stage): Promise<void> {
  const unfinished = async () =>
    (await (await stage.store(stage.to)).counts()).reduce(
      (sum, { states: { ready, scheduled, blocked, running } }) => sum + ready + scheduled + blocked + running,
      0,
    )
  while ((await unfinished()) > 0) await pass(50)
}

for (const [from, to] of moves) {
  test(
    `a mover from ${from} to ${to}, killed ${kills} times, loses and doubles nothing, with work on both sides`,
    { timeout: 180_000, skip: [from, to].some((engine) => !places[engine]) && 'its server is missing' },
    async () => {
      const stage = new Stage(from, to)
      try {
        const random = seeded(Number(process.env['SEED'] ?? 1))
        const [workerHere, workerThere] = [stage.worker('here', stage.from), stage.worker('there', stage.to)]
        const producers = [stage.producer('p-here', stage.from, 1), stage.producer('p-there', stage.to, 2)]
        await Promise.all([workerHere, workerThere, ...producers].map((child) => child.said('ready')))

        let over = false
        let shortLived: Child | undefined
        const ticking = stage.schedule(() => over)

        for (let nth = 0; nth < kills; nth++) {
          await stage.flow(`flow-${nth}`)
          await killOne(stage, nth, random)
          // What it had not started goes back into its line. What the next one holds only movers are left to take back.
          if (nth === Math.floor(kills * 0.4)) await workerHere.stop()
          if (nth === Math.floor(kills * 0.4)) shortLived = stage.worker('here-too', stage.from)
          if (nth === Math.floor(kills * 0.7)) shortLived?.kill()
        }
        await Promise.all(producers.map((producer) => producer.stop()))
        over = true
        const ticks = await ticking
        const { left, moved } = await finishMove(stage)
        await drain(stage)
        const jobs = await stage.jobs(stage.to)
        const { lost, ghost, duplicated, overlap, zombieWrite, resurrected, unexpected, failed, ...rest } =
          stage.verdict(jobs)

        assert.deepEqual(left, { running: 0, waiting: 0, final: 0 })
        assert.deepEqual(await stage.jobs(stage.from), [])
        assert.deepEqual({ lost, ghost, duplicated, overlap, zombieWrite, resurrected, unexpected, failed }, allEmpty)
        const gaps = ticks.slice(1).map((at, index) => at - ticks[index]!)
        assert.deepEqual(new Set(gaps), new Set([100]), 'every tick fired once, on one side')
        const ranHere = jobs.filter(({ result }) =>
          (JSON.parse(result!) as { by: string }).by.startsWith('here'),
        ).length
        console.log(
          `${rest.acknowledged} acknowledged, ${ranHere} ran here, ${jobs.length - ranHere} there; last ${JSON.stringify(moved)}`,
        )
        assert.ok(ranHere > 50 && jobs.length - ranHere > 50 && rest.acknowledged > 300, 'there was work on both sides')
      } finally {
        await stage.end()
      }
    },
  )
}

const allEmpty = {
  lost: [],
  ghost: [],
  duplicated: [],
  overlap: [],
  zombieWrite: [],
  resurrected: [],
  unexpected: [],
  failed: [],
}
