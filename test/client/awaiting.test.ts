/** Waiting for the results of many jobs. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Errand } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'

interface Waiting {
  readonly errand: Errand
  /** How many calls wait at the store at this moment, and how many did at most. */
  readonly calls: { now: number; most: number; all: number; largest: number }
  readonly store: MemoryStore
}

function app(t: TestContext): Waiting {
  const store = new MemoryStore({ env: systemEnv() })
  const calls = { now: 0, most: 0, all: 0, largest: 0 }
  const settled = store.settled.bind(store)
  store.settled = async (ids, ms, signal) => {
    calls.all++
    calls.most = Math.max(calls.most, ++calls.now)
    calls.largest = Math.max(calls.largest, ids.length)
    try {
      return await settled(ids, ms, signal)
    } finally {
      calls.now--
    }
  }
  const errand = new Errand({ store })
  t.after(() => errand.close())

  return { errand, calls, store }
}

test('results of many jobs are waited for in few calls, and each handle gets its own', async (t) => {
  const { errand, calls } = app(t)
  const double = errand.task('double', (n: number) => n * 2)
  const handles = await double.enqueueMany(Array.from({ length: 200 }, (_, n) => n))

  const results = Promise.all(handles.map((handle) => handle.result()))
  await errand.worker().start()

  assert.deepEqual(
    await results,
    handles.map((_, n) => n * 2),
  )
  assert.ok(calls.most <= 8, `${calls.most} calls waited at once`)
  assert.ok(calls.all < 100, `${calls.all} calls were made`)
  assert.equal(calls.largest, 50)
})

test('those asked about one after the other wait in few calls as well', async (t) => {
  const { errand, calls } = app(t)
  const task = errand.task('task', (n: number) => n)
  const handles = await task.enqueueMany(Array.from({ length: 40 }, (_, n) => n))

  const results: Promise<number>[] = []
  for (const handle of handles) {
    results.push(handle.result())
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(calls.now <= 7, `${calls.now} calls wait`)
  await errand.worker().start()

  assert.equal((await Promise.all(results)).length, 40)
})

test('who gives up leaves the others waiting', async (t) => {
  const { errand } = app(t)
  const finish = Promise.withResolvers<void>()
  const task = errand.task('task', async () => finish.promise)
  const [one, other] = [await task.enqueue(), await task.enqueue()]
  const leaving = new AbortController()

  const left = one.result({ signal: leaving.signal })
  const kept = other.result()
  await errand.worker().start()
  leaving.abort(new Error('enough'))

  await assert.rejects(left, { message: 'enough' })
  finish.resolve()
  assert.equal(await kept, null)
})

test('when nobody waits any more, nothing waits at the store', async (t) => {
  const { errand, calls } = app(t)
  const task = errand.task('task', () => {})
  const handles = [await task.enqueue(), await task.enqueue()]
  const leaving = new AbortController()

  const results = handles.map((handle) => handle.result({ signal: leaving.signal }))
  while (calls.now === 0) await new Promise((resolve) => setImmediate(resolve))
  leaving.abort(new Error('enough'))
  await Promise.allSettled(results)
  await new Promise((resolve) => setImmediate(resolve))

  assert.equal(calls.now, 0)
})

test('two handles of one job both get its result', async (t) => {
  const { errand } = app(t)
  const task = errand.task('task', () => 'done')
  const handle = await task.enqueue()

  const results = Promise.all([handle.result(), task.job(handle.id).result(), handle.result({ timeout: '5s' })])
  await errand.worker().start()

  assert.deepEqual(await results, ['done', 'done', 'done'])
})

test('a store that fails while many wait tells each of them', async (t) => {
  const { errand, store } = app(t)
  const task = errand.task('task', () => {})
  const handles = [await task.enqueue(), await task.enqueue()]
  store.settled = async () => {
    throw new Error('the store is on fire')
  }

  const ends = await Promise.allSettled(handles.map((handle) => handle.result()))

  assert.deepEqual(
    ends.map((end) => end.status === 'rejected' && (end.reason as Error).message),
    ['the store is on fire', 'the store is on fire'],
  )
})
