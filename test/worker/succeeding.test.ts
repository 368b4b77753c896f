import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { currentJob, Errand, type EventName } from '../../src/index.ts'
import { likeBetterSqlite } from './like-better-sqlite.ts'
import { until } from './worker-support.ts'

interface Shop {
  readonly errand: Errand
  /** The application's own connection, with a table of effects. */
  readonly db: DatabaseSync
  readonly effects: () => number
  /** Begins a transaction, writes an effect and lets `end` end the job in it. */
  readonly within: (end: () => unknown, how?: 'commit' | 'rollback') => Promise<void>
}

async function aShop(t: TestContext): Promise<Shop> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-succeed-'))
  const errand = new Errand({ store: `sqlite:${folder}/shop.db` })
  await errand.open()
  const db = new DatabaseSync(`${folder}/shop.db`, { timeout: 5_000 })
  db.exec('create table effect (n integer)')
  t.after(async () => {
    await errand.close()
    db.close()
    rmSync(folder, { recursive: true })
  })
  const effects = () => db.prepare('select count(*) as n from effect').get()!['n'] as number
  const within = async (end: () => unknown, how: 'commit' | 'rollback' = 'commit') => {
    db.exec('begin immediate; insert into effect values (1)')
    try {
      await end()
      db.exec(how)
    } catch (error) {
      if (db.isTransaction) db.exec('rollback')
      throw error
    }
  }

  return { errand, db, effects, within }
}

/** What listeners in this process hear. */
function heard(errand: Errand, ...names: EventName[]): string[] {
  const said: string[] = []
  for (const name of names) errand.on(name, () => said.push(name))

  return said
}

test('effects and outcome are one commit, and the job has run once', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const said = heard(errand, 'succeeded', 'retrying', 'failed', 'stale')
  const charge = errand.task('charge', async (_: void, job) => {
    let receipt: Promise<{ no: number }> | undefined
    await within(() => (receipt = job.succeed({ no: 7 }, { tx: db })))
    return receipt!
  })

  const job = await charge.enqueue()
  await errand.worker().start()

  assert.deepEqual(await job.result({ timeout: '10s' }), { no: 7 })
  await until(() => said.length > 0)
  assert.deepEqual(said, ['succeeded'])
  assert.equal(effects(), 1)
  assert.equal((await job.info()).attempt, 1)
})

test('a job whose transaction was rolled back has not succeeded, and is tried again', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const said = heard(errand, 'succeeded', 'retrying', 'stale')
  const task = errand.task('task', { retry: { attempts: 2, first: 1 } }, (_: void, job) =>
    within(() => job.succeed(null, { tx: db }), job.attempt === 1 ? 'rollback' : 'commit'),
  )

  const job = await task.enqueue()
  await errand.worker().start()
  await job.result({ timeout: '10s' })
  await until(() => said.includes('succeeded'))

  assert.deepEqual(said, ['retrying', 'succeeded'])
  assert.equal(effects(), 1)
  assert.deepEqual(
    (await job.attempts()).map(({ error }) => error.code),
    ['ROLLED_BACK'],
  )
})

test('a handler that throws after its commit has succeeded all the same', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const task = errand.task('task', async (_: void, job) => {
    await within(() => job.succeed('done', { tx: db }))
    throw new Error('tidying up went wrong')
  })

  const job = await task.enqueue()
  const said = heard(errand, 'succeeded', 'retrying', 'failed', 'stale')
  await errand.worker().start()

  await until(() => said.length > 0)
  assert.deepEqual(said, ['succeeded'])
  assert.equal(await job.result(), 'done')
  assert.equal(effects(), 1)
})

test('one that throws within its transaction is tried again, by its own error', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const task = errand.task('task', { retry: false }, (_: void, job) =>
    within(async () => {
      await job.succeed(null, { tx: db })
      throw new RangeError('second thoughts')
    }),
  )

  const job = await task.enqueue()
  await errand.worker().start()

  await assert.rejects(job.result({ timeout: '10s' }), { name: 'RangeError' })
  assert.equal(effects(), 0)
})

test('after a rollback, succeed may be called again in another transaction', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const task = errand.task('task', async (_: void, job) => {
    await within(() => job.succeed(1, { tx: db }), 'rollback')
    await within(() => job.succeed(2, { tx: db }))
  })

  const job = await task.enqueue()
  await errand.worker().start()

  assert.equal(await job.result({ timeout: '10s' }), 2)
  assert.equal(effects(), 1)
  assert.equal((await job.info()).attempt, 1)
})

test('after a commit, succeed is refused, so that the second transaction is rolled back', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const refused: unknown[] = []
  const task = errand.task('task', async (_: void, job) => {
    await within(() => job.succeed(1, { tx: db }))
    await within(() => job.succeed(2, { tx: db })).catch((error: { code: unknown }) => refused.push(error.code))
  })

  const job = await task.enqueue()
  const worker = await errand.worker({ burst: true }).start()
  await worker.finished

  assert.deepEqual(refused, ['CLAIM_LOST'])
  assert.equal(await job.result(), 1)
  assert.equal(effects(), 1)
})

test('a job whose cancel was asked for cannot succeed: its effects are undone and it ends cancelled', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const codes: unknown[] = []
  const task = errand.task('task', async (_: void, job) => {
    await errand.job(job.id).cancel()
    await within(() => job.succeed(1, { tx: db })).catch((error: { code: unknown }) => {
      codes.push(error.code)
      throw error
    })
  })

  const job = await task.enqueue()
  await errand.worker().start()

  await assert.rejects(job.result({ timeout: '10s' }), { code: 'JOB_CANCELLED' })
  assert.deepEqual(codes, ['CANCELLED'])
  assert.equal(effects(), 0)
})

test('follow-ups, log and progress of the run are committed with it, and what comes after is refused', async (t) => {
  const { errand, db, within } = await aShop(t)
  const next = errand.task('next', { input: z.object({ of: z.string() }) }, ({ of }) => of)
  const refused: unknown[] = []
  const note = (error: { code: unknown }) => refused.push(error.code)
  const task = errand.task('task', async (_: void, job) => {
    job.followUp(next, { of: job.id })
    job.log('about to end')
    void job.progress(1, { of: 1 })
    await within(() => job.succeed(null, { tx: db }))
    job.log('too late to be kept')
    await job.progress(2).catch(note)
    try {
      job.followUp(next, { of: 'nobody' })
    } catch (error) {
      note(error as { code: unknown })
    }
  })

  const job = await task.enqueue()
  const worker = await errand.worker({ burst: true }).start()
  await worker.finished

  assert.deepEqual(
    (await errand.jobs({ task: 'next' })).jobs.map(({ input, state }) => [input, state]),
    [[{ of: job.id }, 'succeeded']],
  )
  assert.deepEqual(
    (await job.log()).map(({ message }) => message),
    ['about to end'],
  )
  assert.deepEqual((await job.info()).progress, { done: 1, of: 1 })
  assert.deepEqual(refused, ['ALREADY_SUCCEEDED', 'ALREADY_SUCCEEDED'])
})

test('the result is checked by the output schema, encoded and dropped like any other', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const output = z.object({ n: z.number().transform((n) => n * 2) })
  const doubled = errand.task('doubled', { input: z.object({}), output }, async (_, job) => {
    let given: Promise<{ n: number }> | undefined
    await within(() => (given = job.succeed({ n: 21 }, { tx: db })))
    return given!
  })
  const unfit = errand.task('unfit', { input: z.object({}), output }, async (_, job) => {
    await within(() => job.succeed({ n: 'one' }, { tx: db }))
    return { n: 1 }
  })
  const dropped = errand.task('dropped', { keepResult: false }, (_: void, job) =>
    within(() => currentJob().succeed(job.id, { tx: db })),
  )

  const jobs = [await doubled.enqueue({}), await unfit.enqueue({}), await dropped.enqueue()] as const
  // They share one connection, which has one transaction at a time.
  await errand.worker({ concurrency: 1 }).start()

  assert.deepEqual(await jobs[0].result({ timeout: '10s' }), { n: 42 })
  await assert.rejects(jobs[1].result({ timeout: '10s' }), { errorCode: 'INVALID_RESULT' })
  assert.equal((await jobs[1].info()).attempt, 1)
  assert.equal(await jobs[2].result({ timeout: '10s' }), null)
  assert.equal(effects(), 2)
})

test('it works, and throws, within the synchronous transactions of better-sqlite3', async (t) => {
  const { errand, db, effects } = await aShop(t)
  const tx = likeBetterSqlite(db)
  const codes: unknown[] = []
  const task = errand.task('task', (_: void, job) => {
    tx.transaction(() => {
      db.exec('insert into effect values (1)')
      void job.succeed('done', { tx })
    })
    try {
      tx.transaction(() => {
        db.exec('insert into effect values (2)')
        void job.succeed('twice', { tx })
      })
    } catch (error) {
      codes.push((error as { code: unknown }).code)
    }
  })

  const job = await task.enqueue()
  await errand.worker().start()

  assert.equal(await job.result({ timeout: '10s' }), 'done')
  assert.deepEqual(codes, ['CLAIM_LOST'])
  assert.equal(effects(), 1)
})

test('a run that is out of time cannot succeed any more', async (t) => {
  const { errand, db, effects, within } = await aShop(t)
  const codes: unknown[] = []
  const task = errand.task('task', { timeout: 20, retry: false }, async (_: void, job) => {
    await once(job.signal, 'abort')
    await within(() => job.succeed(null, { tx: db })).catch((error: { code: unknown }) => codes.push(error.code))
  })

  const job = await task.enqueue()
  await errand.worker().start()

  await assert.rejects(job.result({ timeout: '10s' }), { errorCode: 'JOB_TIMEOUT' })
  await until(() => codes.length > 0)
  assert.deepEqual(codes, ['CLAIM_LOST'])
  assert.equal(effects(), 0)
})

test('what is no transaction, and an engine without them, is refused and nothing is recorded', async (t) => {
  const { errand, db } = await aShop(t)
  const plain = new Errand({ store: 'memory:' })
  t.after(() => plain.close())
  const messages: string[] = []
  for (const app of [errand, plain]) {
    const task = app.task('task', async (_: void, job) => {
      try {
        await job.succeed(1, { tx: db })
      } catch (error) {
        messages.push((error as Error).message)
      }
      return 2
    })
    const job = await task.enqueue()
    await app.worker().start()
    assert.equal(await job.result({ timeout: '10s' }), 2)
  }

  assert.match(messages[0]!, /no open transaction/)
  assert.match(messages[1]!, /memory store cannot end a job inside a transaction/)
})

test('a worker that dies between the commit and its next turn leaves a job that has succeeded and never runs again', async (t) => {
  const { errand, db, effects } = await aShop(t)
  const task = errand.task('charge', () => 'a second time')
  const job = await task.enqueue()

  const child = spawn(
    process.execPath,
    ['--conditions=errand-source', join(import.meta.dirname, 'succeeding-child.ts'), db.location()!],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  const worker = await errand.worker({ burst: true }).start()
  await worker.finished

  assert.equal(signal, 'SIGKILL')
  assert.equal(await job.result(), 'once')
  assert.equal(effects(), 1)
  assert.equal((await job.info()).crashes, 0)
})
