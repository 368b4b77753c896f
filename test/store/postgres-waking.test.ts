/** Who is woken when work comes, where workers of several processes sleep. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import type { NewJob } from '../../src/store/store.ts'
import { quiet } from '../../src/store/postgres/quiet.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'
const never = new AbortController().signal
let schemas = 0

/** Stores of two processes, each with a worker that sleeps. */
async function twoAsleep(t: TestContext) {
  const options = { url: server!.url, schema: `waking${++schemas}` }
  const [here, there] = [new PostgresStore(options), new PostgresStore(options)]
  const client = new pg.Client({ connectionString: server!.url })
  await client.connect()
  t.after(() => Promise.all([here.close(), there.close(), client.end()]))

  const [near, far] = [await aSleeper(here), await aSleeper(there)]
  for (const { store } of [near, far]) await quiet(store)
  const isParked = async ({ worker }: Sleeper) => {
    const { rows } = await client.query(`select parked from ${options.schema}.worker where id = $1`, [worker])
    return (rows as { parked: boolean }[])[0]!.parked
  }
  const say = (text: string) => client.query(text.replaceAll('errand.', `${options.schema}.`))
  const inTransaction = async (store: PostgresStore, calls: NewJob[][]) => {
    await client.query('begin')
    await store.insertWith(client, calls)
    await client.query('commit')
  }
  return { here, near, far, isParked, say, inTransaction }
}

type Sleeper = Awaited<ReturnType<typeof aSleeper>>

async function aSleeper(store: PostgresStore) {
  const worker = await store.join(aWorker())
  const woken = store.wait(worker, ['default'], 600_000, never)

  return { store, worker, woken }
}

const roomFor = (jobs: number) => [{ queues: ['default'], jobs, bottomUp: 0 }]

test('work is left to who sleeps in the process that brings it', { skip }, async (t) => {
  const { here, near, far, isParked } = await twoAsleep(t)

  await here.insert([[aJob()]])
  assert.equal(await near.woken, 'work')
  const turn = await here.turn(aTurn({ incarnation: near.worker, room: roomFor(2), park: true }))
  await quiet(here)

  assert.equal(!turn.gone && turn.claimed.length, 1)
  assert.ok(await isParked(far))
})

test('what goes on in a turn and is claimed by it wakes nobody else', { skip }, async (t) => {
  const { here, near, far, isParked } = await twoAsleep(t)
  await here.insert([[aJob({ id: 'first' }), aJob({ id: 'next', after: { on: ['first'], otherwise: 'cancel' } })]])
  const room = roomFor(2)
  const first = await here.turn(aTurn({ incarnation: near.worker, room }))
  assert.ok(!first.gone)

  const next = await here.turn(
    aTurn({ incarnation: near.worker, room, settled: [aSettlement(first.claimed[0]!, succeeded)] }),
  )
  await quiet(here)

  assert.deepEqual(!next.gone && next.claimed.map(({ id }) => id), ['next'])
  assert.ok(await isParked(far))
})

test('what goes on in a turn that has no room for it wakes the others', { skip }, async (t) => {
  const { here, near, far } = await twoAsleep(t)
  await here.insert([[aJob({ id: 'first' }), aJob({ id: 'next', after: { on: ['first'], otherwise: 'cancel' } })]])
  const first = await here.turn(aTurn({ incarnation: near.worker, room: roomFor(1), park: true }))
  assert.ok(!first.gone)

  await here.turn(aTurn({ incarnation: near.worker, room: [], settled: [aSettlement(first.claimed[0]!, succeeded)] }))

  assert.equal(await far.woken, 'work')
})

test('the others are told of what is left when who slept here can take no more', { skip }, async (t) => {
  const { here, near, far } = await twoAsleep(t)

  await here.insert([[aJob(), aJob()]])
  assert.equal(await near.woken, 'work')
  await here.turn(aTurn({ incarnation: near.worker, room: roomFor(1), park: true }))

  assert.equal(await far.woken, 'work')
})

test('the others are told when a turn of who slept here fails', { skip }, async (t) => {
  const { here, near, far } = await twoAsleep(t)

  await here.insert([[aJob()]])
  assert.equal(await near.woken, 'work')
  const room = [{ queues: ['default'], jobs: 1e20, bottomUp: 0 }]
  await assert.rejects(here.turn(aTurn({ incarnation: near.worker, room })))

  assert.equal(await far.woken, 'work')
})

test('who sleeps in another process is told by the insert', { skip }, async (t) => {
  const { here, near, far } = await twoAsleep(t)
  await here.insert([[aJob()]])
  await near.woken

  await here.insert([[aJob()]])

  assert.equal(await far.woken, 'work')
})

const next = aJob({ id: 'next', after: { on: ['first'], otherwise: 'cancel' } })
const leftToUpkeep = {
  'a flow': [aJob({ id: 'first' }), next],
  'a job of a lane': [aJob({ lane: { name: 'l', slots: 1 } })],
}

for (const [what, brought] of Object.entries(leftToUpkeep)) {
  test(
    `when a transaction brings ${what}, workers hear at its commit that upkeep is due, two at most`,
    { skip },
    async (t) => {
      const { near, far, inTransaction } = await twoAsleep(t)
      await inTransaction(far.store, [brought])

      await Promise.race([near.woken, far.woken])
      for (const { store } of [near, far]) await quiet(store)
      const turns = [near, far, near, far].map(({ store, worker }) =>
        store.turn(aTurn({ incarnation: worker, room: [] })),
      )
      const dues = (await Promise.all(turns)).flatMap((turn) => (turn.gone ? [] : (turn.nextDueMs ?? [])))
      const { spread } = await near.store.upkeep()

      assert.ok(dues.length > 0 && dues.length <= 2 && dues.every((due) => due === 0), `told ${dues.join()}`)
      assert.ok(spread > 0 || what !== 'a flow')
    },
  )
}

test('a job is enqueued though nobody can be told of it', { skip }, async (t) => {
  const { here, near, say } = await twoAsleep(t)
  await here.insert([[aJob()]])
  await near.woken
  await say(`create or replace function errand.wake(p_queues int[]) returns void language plpgsql as $$
    begin raise exception 'The queue of notifications is full.' using errcode = '54000'; end $$`)

  const outcomes = await here.insert([[aJob({ id: 'silent' })], [aJob({ id: 'silent too' })]])

  assert.deepEqual(outcomes, [[{ kind: 'exists' }], [{ kind: 'exists' }]])
  assert.deepEqual(
    (await here.get(['silent', 'silent too'])).map((job) => typeof job === 'object' && job.state),
    ['ready', 'ready'],
  )
})
