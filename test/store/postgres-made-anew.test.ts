/** A store that was dropped and made anew while processes had it open: what they remember of the old one is not true of the new. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Errand, postgresStore } from '../../src/index.ts'
import type { NewJob } from '../../src/store/store.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'
import { aPostgres } from './postgres-servers.ts'

const server = await aPostgres()
const skip = !server && 'no PostgreSQL server'
let schemas = 0

/** One store that knew `copy` in a life that is over, and one that has begun the next life with `greet`. */
async function aStoreMadeAnew(t: TestContext) {
  const options = { url: server!.url, schema: `anew${++schemas}` }
  const [old, young] = [new PostgresStore(options), new PostgresStore(options)]
  const client = new pg.Client({ connectionString: server!.url })
  await client.connect()
  t.after(() => Promise.all([old.close(), young.close(), client.end()]))

  const worker = await old.join(aWorker())
  await old.insert([[aJob({ id: 'before', task: 'copy', queue: 'files' })]])
  await old.insert([[aJob({ id: 'before, in line', task: 'copy' })]])
  const turn = await old.turn(aTurn({ incarnation: worker }))
  assert.equal(!turn.gone && turn.claimed[0]!.task, 'copy')

  await client.query(`drop schema ${options.schema} cascade`)
  await young.insert([[aJob({ id: 'greeting', task: 'greet' })]])

  return { old, young, client, worker }
}

async function claimedBy(store: PostgresStore, queue = 'default') {
  const worker = await store.join(aWorker())
  const turn = await store.turn(aTurn({ incarnation: worker, room: [{ queues: [queue], jobs: 10, bottomUp: 0 }] }))

  return turn.gone ? [] : turn.claimed.map(({ id, task }) => [id, task])
}

async function taskOf(store: PostgresStore, id: string) {
  const [job] = await store.get([id])

  return typeof job === 'object' ? [job.task, job.queue] : job
}

test('a worker of the old store is gone, and claims under the new names', { skip }, async (t) => {
  const { old, worker } = await aStoreMadeAnew(t)

  assert.deepEqual(await old.turn(aTurn({ incarnation: worker })), {
    gone: true,
  })
  assert.deepEqual(await claimedBy(old), [['greeting', 'greet']])
})

test('a worker that asked for nothing but work claims under the new names', { skip }, async (t) => {
  const { old, young } = await aStoreMadeAnew(t)
  const id = await young.join(aWorker())

  const turn = await old.turn(aTurn({ incarnation: id }))

  assert.deepEqual(!turn.gone && turn.claimed.map(({ task }) => task), ['greet'])
})

const ways: Record<string, Partial<NewJob>> = {
  'a plain job': {},
  'a job with a unique key': { unique: { key: 'k', scope: 'active', onConflict: 'keep' } },
}
for (const [what, fields] of Object.entries(ways)) {
  test(`${what} that an old handle enqueues is of its own task`, { skip }, async (t) => {
    const { old, young } = await aStoreMadeAnew(t)

    await old.insert([[aJob({ id: 'after', task: 'copy', queue: 'files', ...fields })]])

    assert.deepEqual(await taskOf(young, 'after'), ['copy', 'files'])
    assert.deepEqual(await claimedBy(young, 'files'), [['after', 'copy']])
  })
}

test('what follows a job keeps its task', { skip }, async (t) => {
  const { old, young } = await aStoreMadeAnew(t)
  const worker = await old.join(aWorker())
  const first = await old.turn(aTurn({ incarnation: worker }))
  const claimed = first.gone ? [] : first.claimed
  const followUps = [aJob({ id: 'after', task: 'copy', queue: 'files' })]

  const settled = claimed.map((claim) => aSettlement(claim, succeeded, { followUps }))
  await old.turn(aTurn({ incarnation: worker, settled }))

  assert.deepEqual(await taskOf(young, 'after'), ['copy', 'files'])
})

test('a transaction of an old handle is told so, and the next one is right', { skip }, async (t) => {
  const { old, young, client } = await aStoreMadeAnew(t)
  const job = aJob({ id: 'after', task: 'copy', queue: 'files' })

  await client.query('begin')
  await assert.rejects(old.insertWith(client, [[job]]), { code: 'TRANSACTION', message: /made anew/ })
  await client.query('rollback')
  await client.query('begin')
  await old.insertWith(client, [[job]])
  await client.query('commit')

  assert.deepEqual(await taskOf(young, 'after'), ['copy', 'files'])
})

test('has declared schedules again within seconds', { skip }, async (t) => {
  const schema = `anew${++schemas}`
  const store = postgresStore({ url: server!.url, schema })
  const errand = new Errand({ store })
  errand.on('error', () => {})
  errand.schedule('nightly', { cron: '0 3 * * *' }, errand.task('report', () => {}).with())
  const beat = await errand.beat().start()
  const [young, client] = [
    new PostgresStore({ url: server!.url, schema }),
    new pg.Client({ connectionString: server!.url }),
  ]
  await client.connect()
  t.after(() => Promise.all([errand.close(), young.close(), client.end()]))
  // Until the beat has looked at the store that will be dropped.
  await sleep(1_500)

  await client.query(`drop schema ${schema} cascade`)
  await young.insert([[aJob()]])

  while (!(await young.schedules.get(['nightly']))[0]) await sleep(50)
  await beat.stop()
})
