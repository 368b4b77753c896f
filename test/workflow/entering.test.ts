/** How flows come into the store: with a key, inside a transaction, and where whoever sends them dies half-way. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import pg from 'pg'
import { z } from 'zod'
import { chain, chord, Errand, group, mapEach, workflow, type Step } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { appAt, places, type Place } from './places.ts'

const all = await places()

for (const place of all) {
  const options = { skip: place.skip }

  test(`${place.engine}: while a workflow holds its key, another one is not added`, options, async (t) => {
    const { errand, work } = appAt(t, place)
    const { double, sum } = tasks(errand)
    const send = (unique: string) => errand.enqueue(chord(mapEach(double, [1, 2, 3]), sum), { unique })

    const first = await send('report')
    const second = await send('report')
    const other = await send('other')

    assert.deepEqual([first.deduplicated, second.deduplicated, other.deduplicated], [false, true, false])
    assert.equal(second.id, first.id)
    assert.equal((await errand.jobs({ limit: 100 })).jobs.length, 8)
    await work()
    assert.equal(await second.result({ timeout: '20s' }), 12)
    assert.equal((await send('report')).deduplicated, false)
  })

  test(
    `${place.engine}: of two large workflows with one key, one is there and the other leaves nothing to run`,
    options,
    async (t) => {
      const { errand, work } = appAt(t, place)
      const { double, sum } = tasks(errand)
      const numbers = Array.from({ length: 1_200 }, (_, n) => n)
      const send = () => errand.enqueue(chord(mapEach(double, numbers), sum), { unique: 'report' })

      const first = await send()
      const second = await send()

      assert.deepEqual([second.deduplicated, second.id], [true, first.id])
      assert.equal(await countJobs(errand, { state: 'cancelled' }), 0)
      await work()
      assert.equal(await second.result({ timeout: '30s' }), 1_438_800)
      const left = await countJobs(errand, { task: 'double', state: ['scheduled', 'blocked', 'ready', 'running'] })
      const sums = await countJobs(errand, { task: 'sum', state: 'succeeded' })
      assert.deepEqual([left, sums], [0, 1])
    },
  )
}

for (const place of all) {
  const options = { skip: place.skip }

  test(
    `${place.engine}: another flow with an id that is taken is refused, and nothing of it runs`,
    options,
    async (t) => {
      const { note, pay, paid, send, workedOff } = await payments(t, place)
      const first = await send(chain(pay.with(1), note))
      await first.result({ timeout: '20s' })

      await assert.rejects(send(chain(pay.with(1), pay.with(2), note)), { code: 'ID_CONFLICT' })
      await assert.rejects(send(chord(mapEach(pay, [1, 3]), note)), { code: 'ID_CONFLICT' })
      await assert.rejects(send(chain(pay.with(2), note)), { code: 'ID_CONFLICT' })
      await send(chain(pay.with(1), note))
      await workedOff()

      assert.deepEqual(paid, [1])
    },
  )

  test(
    `${place.engine}: a flow sent again after its first steps were removed does not run again`,
    options,
    async (t) => {
      const { errand, note, pay, paid, send, workedOff } = await payments(t, place)
      const first = await send(chain(pay.with(1), note))
      await first.result({ timeout: '20s' })
      await errand.job('order.1').remove()

      const again = await send(chain(pay.with(1), note))
      await workedOff()

      assert.deepEqual([paid, await again.result()], [[1], 'noted'])
    },
  )
}

async function payments(t: TestContext, place: Place) {
  const { errand, work } = appAt(t, place)
  const paid: number[] = []
  const pay = errand.task('pay', (cents: number) => void paid.push(cents))
  const note = errand.task('note', (_: unknown) => 'noted')
  await work()

  return {
    errand,
    paid,
    pay,
    note,
    send: (flow: Step<void, unknown>) => errand.enqueue(flow, { id: 'order' }),
    /** What was enqueued before has run then: lines are kept. */
    workedOff: async () => (await note.enqueue(null)).result({ timeout: '20s' }),
  }
}

test('workflows of other names have keys of their own', async (t) => {
  const { errand } = appAt(t, all[0]!)
  const { double } = tasks(errand)
  const named = (name: string) => workflow(name, (w) => w.step(double, 1))

  const answers = [
    await errand.enqueue(named('one'), { unique: 'k' }),
    await errand.enqueue(named('other'), { unique: 'k' }),
    await errand.enqueue(named('one'), { unique: 'k' }),
    await errand.enqueue(double.with(1), { unique: 'k' }),
    await errand.enqueue(double.with(1), { unique: 'k' }),
  ]

  assert.deepEqual(
    answers.map(({ deduplicated }) => deduplicated),
    [false, false, true, false, true],
  )
})

test('a workflow with a key that is sent again with its id is the same one, and no duplicate', async (t) => {
  const { errand } = appAt(t, all[0]!)
  const { double } = tasks(errand)
  const send = () => errand.enqueue(chain(double.with(1), double), { id: 'mine', unique: 'k' })

  const handles = [await send(), await send()]

  assert.deepEqual(
    handles.map(({ id, deduplicated }) => [id, deduplicated]),
    [
      ['mine', false],
      ['mine', false],
    ],
  )
})

test('a key for a time outlives its workflow', async (t) => {
  const { env, errand } = byHand(t)
  const { double } = tasks(errand)
  const send = () => errand.enqueue(chain(double.with(1), double), { unique: { key: 'k', for: '10m' } })
  const first = await send()
  await first.cancel()

  const within = await send()
  await env.advance(600_000)
  const after = await send()

  assert.deepEqual([within.id, within.deduplicated, after.deduplicated], [first.id, true, false])
})

test('what a key of a workflow cannot mean is refused', async (t) => {
  const { errand } = appAt(t, all[0]!)
  const { double } = tasks(errand)
  const flow = chain(double.with(1), double)

  for (const more of [{ while: 'waiting' }, { onConflict: 'replace' }] as const) {
    await assert.rejects(errand.enqueue(flow, { unique: { key: 'k', ...more } }), {
      code: 'INVALID_OPTION',
      message: /of the workflow/,
    })
  }
  await assert.rejects(errand.enqueue(flow, { unique: '' }), { code: 'INVALID_OPTION' })
  await assert.rejects(errand.enqueue(flow, { prio: 'high' } as object), { code: 'UNKNOWN_OPTION' })
  assert.deepEqual((await errand.jobs()).jobs, [])
})

for (const place of all.filter(({ engine }) => engine === 'sqlite' || engine === 'postgres')) {
  const options = { skip: place.skip }

  test(
    `${place.engine}: a workflow enqueued in a transaction is there when that is committed, and runs`,
    options,
    async (t) => {
      const { errand, tx, begin, commit, work } = await withTransaction(t, place)
      const { double, sum } = tasks(errand)

      await begin()
      const flow = await errand.enqueue(chord(mapEach(double, [1, 2, 3]), sum), { tx, unique: 'k' })
      const empty = await errand.enqueue(group(), { tx })
      const before = (await errand.jobs()).jobs
      await commit()

      assert.deepEqual(before, [])
      await work()
      assert.deepEqual([await flow.result({ timeout: '20s' }), await empty.result({ timeout: '20s' })], [12, []])
    },
  )

  test(
    `${place.engine}: a transaction that is rolled back leaves nothing of a workflow, however large`,
    options,
    async (t) => {
      const { errand, tx, begin, rollback } = await withTransaction(t, place)
      const { double, sum } = tasks(errand)
      const numbers = Array.from({ length: 1_200 }, (_, n) => n)

      await begin()
      const flow = await errand.enqueue(chord(mapEach(double, numbers), sum), { tx })
      await rollback()

      await assert.rejects(flow.state(), { code: 'JOB_NOT_FOUND' })
      assert.deepEqual((await errand.jobs()).jobs, [])
    },
  )

  test(`${place.engine}: a workflow whose key is taken adds nothing to the transaction`, options, async (t) => {
    const { errand, tx, begin, commit } = await withTransaction(t, place)
    const { double, sum } = tasks(errand)
    const send = (more: object) => errand.enqueue(chord(mapEach(double, [1, 2]), sum), { unique: 'k', ...more })
    const first = await send({})

    await begin()
    const second = await send({ tx })
    await commit()

    assert.deepEqual([second.id, second.deduplicated], [first.id, true])
    assert.equal((await errand.jobs()).jobs.length, 3)
  })
}

test('another flow with an id that is taken is refused inside a transaction', async (t) => {
  const { errand, tx, begin, rollback } = await withTransaction(t, all[1]!)
  const { double } = tasks(errand)
  await errand.enqueue(chain(double.with(1), double), { id: 'mine' })

  await begin()
  const sending = errand.enqueue(chain(double.with(1), double.with(2), double), { id: 'mine', tx })
  await assert.rejects(sending, { code: 'ID_CONFLICT' })
  await rollback()

  assert.equal((await errand.jobs()).jobs.length, 2)
})

test('a workflow that would only be enqueued after a wait is refused inside a transaction', async (t) => {
  const { errand, tx, begin, commit } = await withTransaction(t, all[1]!)
  const slow = errand.task('slow', { input: z.number().refine(() => Promise.resolve(true)) }, (n) => n)
  const { double } = tasks(errand)

  await begin()
  await assert.rejects(errand.enqueue(chain(slow.with(1), double), { tx }), {
    code: 'TRANSACTION',
    message: /schema of "slow" is asynchronous/,
  })
  await commit()

  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('an engine without transactions of the caller says so of workflows too', async (t) => {
  const { errand } = appAt(t, all[0]!)
  const { double } = tasks(errand)
  await errand.open()

  await assert.rejects(errand.enqueue(chain(double.with(1), double), { tx: {} }), {
    code: 'TRANSACTION',
    message: /memory store cannot enqueue inside a transaction/,
  })
})

test('an empty flow whose sender died is held for an hour at most', async (t) => {
  const { env, errand } = byHand(t)
  tasks(errand)
  await assert.rejects(errand.enqueue(group(), { id: 'flow' }), { message: 'died' })
  const worker = await errand.worker().start()

  await env.advance(3_700_000)

  assert.equal(await errand.job('flow').state(), 'expired')
  await worker.stop()
})

test('a flow whose sender died is finished by whoever sends it again, also after it was given up', async (t) => {
  for (const lateMs of [0, 3_700_000]) {
    const { env, errand, killer } = byHand(t)
    const { double, sum } = tasks(errand)
    const numbers = Array.from({ length: 1_200 }, () => 1)
    const send = async () => [
      await errand.enqueue(group(), { id: 'empty' }),
      await errand.enqueue(chord(mapEach(double, numbers), sum), { id: 'large' }),
    ]
    await assert.rejects(errand.enqueue(group(), { id: 'empty' }), { message: 'died' })
    await assert.rejects(errand.enqueue(chord(mapEach(double, numbers), sum), { id: 'large' }), { message: 'died' })
    const worker = await errand.worker({ concurrency: 100 }).start()
    await env.advance(lateMs)

    killer.armed = false
    const [empty, large] = await send()
    await env.advance(60_000)

    assert.deepEqual([await empty!.result(), await large!.result()], [[], 2_400])
    await worker.stop()
  }
})

function tasks(errand: Errand) {
  return {
    double: errand.task('double', (n: number) => n * 2),
    sum: errand.task('sum', (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)),
  }
}

async function countJobs(errand: Errand, query: object): Promise<number> {
  let found = 0
  let cursor: string | undefined
  do {
    const page = await errand.jobs({ ...query, limit: 500, ...(cursor !== undefined && { cursor }) })
    found += page.jobs.length
    cursor = page.cursor
  } while (cursor !== undefined)

  return found
}

function byHand(t: TestContext) {
  const env = new ManualEnv()
  const store = new MemoryStore({ env })
  const errand = new Errand({ store, env })
  t.after(() => errand.close())

  return { env, errand, killer: dyingBefore(store, 'release') }
}

/** Whoever uses the store dies, so to say, before a call of this kind is made. */
function dyingBefore(store: MemoryStore, method: 'release') {
  const killer = { armed: true }
  const call = store[method]
  store[method] = async (held) => {
    if (killer.armed) throw new Error('died')
    return call(held)
  }
  return killer
}

/** A connection of one's own to the store's database. */
async function withTransaction(t: TestContext, place: Place) {
  const url = place.url()
  const errand = new Errand({ store: url })
  await errand.open()
  const work = () => errand.worker({ concurrency: 20, grace: '1s' }).start()
  const db = place.engine === 'sqlite' ? new DatabaseSync(url.slice('sqlite:'.length)) : undefined
  const client = db ? undefined : new pg.Client({ connectionString: url.replace(/\?.*/, '') })
  await client?.connect()
  t.after(async () => {
    db?.close()
    await client?.end()
    await errand.close()
  })
  const say = async (statement: string) => (db ? db.exec(statement) : client!.query(statement))

  return {
    errand,
    work,
    tx: db ?? client,
    begin: () => say(db ? 'begin immediate' : 'begin'),
    commit: () => say('commit'),
    rollback: () => say('rollback'),
  }
}
