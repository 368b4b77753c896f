/** Claims begin behind what was claimed before. No job that comes to stand in front of that may be passed over. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import type { ClaimedJob, GivenBack } from '../../src/store/store.ts'
import { aJob, aSettlement, aTurn, aWorker, jobs, succeeded } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'

test('a job is claimed as soon as it is committed, however many later ones have run', { skip }, async (t) => {
  const process = await Process.start(t, 'late')
  const client = new pg.Client({ connectionString: server!.url })
  await client.connect()
  await client.query('begin')
  await process.store.insertWith(client, [[aJob({ id: 'late' })]])
  await process.runMany()

  await client.query('commit')
  await client.end()

  assert.deepEqual(await process.claim(), ['late'])
})

test(
  'a job that another process gives back is claimed at once, however many later ones have run',
  { skip },
  async (t) => {
    const [process, other] = [await Process.start(t, 'back'), await Process.start(t, 'back', 1_000_001)]
    await other.store.insert([jobs(['back'])])
    await other.claim()
    await process.runMany()

    await other.giveBack()

    assert.deepEqual(await process.claim(), ['back'])
  },
)

test('a job that is let out of its lane is claimed at once, however many later ones have run', { skip }, async (t) => {
  const [process, other] = [await Process.start(t, 'lane'), await Process.start(t, 'lane', 1_000_001)]
  await other.store.insert([jobs(['first', 'second'], { lane: { name: 'lane', slots: 1 } })])
  await other.claim()
  await process.runMany()

  await other.settle()

  assert.deepEqual(await process.claim(), ['second'])
})

test('a job is found before sleep, whichever process brought it to an earlier place', { skip }, async (t) => {
  const [process, other] = [await Process.start(t, 'sleep'), await Process.start(t, 'sleep', 1_000_001)]
  await other.store.insert([jobs(['back'])])
  await other.claim()
  await process.runMany()

  await other.giveBack()

  assert.equal(await process.sleep(), 'work')
})

/** One of several processes with a worker each. */
class Process {
  readonly store: PostgresStore
  readonly #env: ManualEnv
  #worker = ''
  #held: readonly ClaimedJob[] = []

  constructor(schema: string, firstId: number) {
    const env = new ManualEnv({ firstId })
    const clock = () => ({ now: env.now(), monotonic: env.monotonic() })
    this.#env = env
    this.store = new PostgresStore({ url: server!.url, schema, env, clock, connections: 2 })
  }

  static async start(t: TestContext, schema: string, firstId = 1): Promise<Process> {
    const process = new Process(schema, firstId)
    t.after(() => process.store.close())
    process.#worker = await process.store.join(aWorker({ leaseMs: 600_000 }))
    return process
  }

  /** Long enough for every beginning of a claim to have moved on. */
  async runMany(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) {
      await this.#env.advance(600)
      await this.store.insert([Array.from({ length: 150 }, () => aJob())])
      assert.equal((await this.claim()).length, 150)
    }
    await this.claim()
  }

  /** Ids of what it claims, with what it held before settled. */
  async claim(): Promise<string[]> {
    this.#held = await this.#turn(500)
    return this.#held.map(({ id }) => id)
  }

  async settle(): Promise<void> {
    this.#held = await this.#turn(0)
  }

  async giveBack(): Promise<void> {
    const givenBack: GivenBack[] = this.#held.map((claim) => ({ claim }))
    await this.store.turn(aTurn({ incarnation: this.#worker, givenBack, room: [] }))
    this.#held = []
  }

  sleep() {
    return this.store.wait(this.#worker, ['default'], 60_000, new AbortController().signal)
  }

  async #turn(room: number): Promise<readonly ClaimedJob[]> {
    const settled = this.#held.map((job) => aSettlement(job, succeeded))
    const rooms = [{ queues: ['default'], jobs: room, bottomUp: 0 }]
    const answer = await this.store.turn(aTurn({ incarnation: this.#worker, settled, room: rooms }))
    assert.ok(!answer.gone)
    return answer.claimed
  }
}
