import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { Errand } from '../../src/index.ts'

async function withTransactions(t: TestContext): Promise<{ errand: Errand; tx: DatabaseSync }> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-tx-'))
  const errand = new Errand({ store: `sqlite:${folder}/errand.db` })
  await errand.open()
  const tx = new DatabaseSync(`${folder}/errand.db`)
  t.after(async () => {
    tx.close()
    await errand.close()
    rmSync(folder, { recursive: true })
  })

  return { errand, tx }
}

test('what is enqueued in a transaction is there before the promise is returned, schema and middleware included', async (t) => {
  const { errand, tx } = await withTransactions(t)
  errand.use({
    async enqueue(jobs, next) {
      for (const job of jobs) job.metadata['tenant'] = 'acme'
      await next()
    },
  })
  const task = errand.task('task', { input: z.object({ n: z.number() }) }, () => {})

  tx.exec('begin immediate')
  const one = task.enqueue({ n: 1 }, { tx })
  const many = task.enqueueMany([{ n: 2 }, { n: 3 }], { tx })
  tx.exec('commit')

  const jobs = [await one, ...(await many)]
  assert.deepEqual(
    await Promise.all(jobs.map(async (job) => (await job.info()).metadata)),
    Array(3).fill({ tenant: 'acme' }),
  )
})

test('a transaction that is rolled back leaves no job', async (t) => {
  const { errand, tx } = await withTransactions(t)
  const task = errand.task('task', () => {})

  tx.exec('begin immediate')
  const job = await task.enqueue(undefined, { tx })
  tx.exec('rollback')

  await assert.rejects(job.state(), { code: 'JOB_NOT_FOUND' })
})

test('what would only be enqueued after a wait is refused inside a transaction', async (t) => {
  const { errand, tx } = await withTransactions(t)
  const slow = errand.task('slow', { input: z.object({}).refine(() => Promise.resolve(true)) }, () => {})
  const task = errand.task('task', () => {})

  tx.exec('begin immediate')
  await assert.rejects(slow.enqueue({}, { tx }), { code: 'TRANSACTION', message: /schema of "slow" is asynchronous/ })
  errand.use({
    async enqueue(_jobs, next) {
      await Promise.resolve()
      await next()
    },
  })
  await assert.rejects(task.enqueue(undefined, { tx }), { code: 'TRANSACTION', message: /middleware waits/ })
  tx.exec('commit')

  assert.deepEqual((await errand.jobs()).jobs, [])
})
