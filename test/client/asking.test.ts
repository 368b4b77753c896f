/** Questions about single jobs that are asked together. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Errand, postgresStore } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { aPostgres } from '../store/postgres-servers.ts'

const server = await aPostgres()

/** An app on a memory store that notes how many jobs each call to it was about. */
function app(t: TestContext) {
  const store = new MemoryStore({ env: systemEnv() })
  const asked: { get: number[]; cancel: number[] } = { get: [], cancel: [] }
  for (const name of ['get', 'cancel'] as const) {
    const ask = store[name].bind(store) as (ids: readonly string[]) => Promise<any>
    store[name] = async (ids: readonly string[]) => {
      asked[name].push(ids.length)
      return ask(ids)
    }
  }
  const errand = new Errand({ store })
  t.after(() => errand.close())

  return { errand, store, asked, task: errand.task('task', (_: number) => {}) }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

test('what is asked of many jobs at once is few calls, and each is answered for itself', async (t) => {
  const { task, asked } = app(t)
  const jobs = await task.enqueueMany(numbers(250))
  asked.get = []

  const infos = await Promise.all(jobs.map((job) => job.info()))

  assert.deepEqual(
    infos.map(({ id, input }) => [id, input]),
    jobs.map(({ id }, n) => [id, n]),
  )
  assert.deepEqual(asked.get, [100, 100, 50])
})

test('jobs that are cancelled at once are cancelled in few calls, and the second cancel of a job comes after the first', async (t) => {
  const { task, asked } = app(t)
  const jobs = await task.enqueueMany(numbers(150))
  const [first] = jobs

  const answers = await Promise.all([...jobs, first!].map((job) => job.cancel()))

  assert.deepEqual(answers, [...jobs.map(() => 'cancelled'), await first!.cancel()])
  assert.deepEqual(asked.cancel, [100, 51, 1])
})

test('a job that is not there is missing for who asked for it alone', async (t) => {
  const { errand, task } = app(t)
  const job = await task.enqueue(1)

  const [there, missing] = await Promise.allSettled([job.state(), errand.job('nobody').state()])

  assert.deepEqual(there, { status: 'fulfilled', value: 'ready' })
  assert.equal((missing as PromiseRejectedResult).reason.code, 'JOB_NOT_FOUND')
})

test('a store that fails tells everybody who asked, and is asked anew by the next', async (t) => {
  const { task, store } = app(t)
  const jobs = await task.enqueueMany(numbers(3))
  const { get } = store
  store.get = async () => {
    throw new Error('not now')
  }

  const failed = await Promise.allSettled(jobs.map((job) => job.state()))
  store.get = get

  assert.ok(failed.every(({ status }) => status === 'rejected'))
  assert.equal(await jobs[0]!.state(), 'ready')
})

test(
  'ten thousand questions at once are answered by PostgreSQL',
  { skip: !server && 'no PostgreSQL server' },
  async (t) => {
    const errand = new Errand({ store: postgresStore({ url: server!.url, connections: 3, waitForServer: '1s' }) })
    t.after(() => errand.close())
    const task = errand.task('task', (_: number) => {})
    const jobs = await task.enqueueMany(numbers(10_000))

    const infos = await Promise.all(jobs.map((job) => job.info()))

    assert.deepEqual(
      infos.map(({ input }) => input),
      numbers(10_000),
    )
  },
)
