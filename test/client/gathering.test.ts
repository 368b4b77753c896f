/** Single enqueues that are made together. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Errand, type Store } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { StoreBusyError, UnknownOutcomeError } from '../../src/errors.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { NewJob } from '../../src/store/store.ts'

type Insert = Store['insert']

/** An app on a memory store whose inserts go through `around`; every insert is noted. */
function app(t: TestContext, around: (insert: Insert, calls: Parameters<Insert>[0]) => ReturnType<Insert>) {
  const store = new MemoryStore({ env: systemEnv() })
  const inserts: (readonly (readonly NewJob[])[])[] = []
  const insert = store.insert.bind(store)
  store.insert = async (calls) => {
    inserts.push(calls)
    return around(insert, calls)
  }
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const task = errand.task('task', (_: string) => {})

  return { errand, task, inserts, store }
}

const plainly = (insert: Insert, calls: Parameters<Insert>[0]) => insert(calls)

test('enqueues made together go to the store in one insert, a call each and in their order (celery#1803, #6192)', async (t) => {
  const { task, inserts } = app(t, plainly)
  const inputs = Array.from({ length: 50 }, (_, n) => `${n}`)

  const handles = await Promise.all(inputs.map((input) => task.enqueue(input)))

  assert.equal(inserts.length, 1)
  assert.deepEqual(
    inserts[0]!.map((call) => call.map(({ id, input }) => [id, JSON.parse(input)])),
    handles.map(({ id }, n) => [[id, `${n}`]]),
  )
})

test('an insert carries no more jobs and bytes than the store takes', async (t) => {
  const { task, inserts, store } = app(t, plainly)
  Object.assign(store.limits, { jobsPerCall: 10, bytesPerCall: 1000 })
  const inputs = [...Array<string>(25).fill('small'), ...Array<string>(4).fill('x'.repeat(400))]

  await Promise.all(inputs.map((input) => task.enqueue(input)))

  assert.equal(inserts.flat().length, 29)
  for (const calls of inserts) {
    assert.ok(calls.length <= 10)
    assert.ok(calls.flat().reduce((bytes, { input }) => bytes + input.length, 0) <= 1000)
  }
})

test('one that is refused fails alone', async (t) => {
  const { task } = app(t, plainly)
  await task.enqueue('first', { id: 'taken' })

  const ends = await Promise.allSettled([
    task.enqueue('before'),
    task.enqueue('another', { id: 'taken' }),
    task.enqueue('after'),
  ])

  assert.deepEqual(
    ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : 'in')),
    ['in', 'ID_CONFLICT', 'in'],
  )
})

test('one that the store cannot write fails alone', async (t) => {
  const { task, errand } = app(t, async (insert, calls) => {
    if (calls.flat().some(({ input }) => input === '"poison"')) throw new TypeError('cannot be written')
    return insert(calls)
  })

  const ends = await Promise.allSettled(['before', 'poison', 'after'].map((input) => task.enqueue(input)))

  assert.deepEqual(
    ends.map((end) => (end.status === 'rejected' ? (end.reason as Error).message : 'in')),
    ['in', 'cannot be written', 'in'],
  )
  assert.equal((await errand.jobs()).jobs.length, 2)
})

test('when no answer comes, each caller is told of its own job alone', async (t) => {
  const { task } = app(t, async (insert, calls) => {
    await insert(calls)
    throw new UnknownOutcomeError('an insert', [], new Error('the answer was lost'))
  })

  const ends = await Promise.allSettled([task.enqueue('a', { id: 'a' }), task.enqueue('b', { id: 'b' })])

  assert.deepEqual(
    ends.map((end) => end.status === 'rejected' && (end.reason as UnknownOutcomeError).ids),
    [['a'], ['b']],
  )
})

test('an insert whose answer was lost is not called refused when the store is away afterwards', async (t) => {
  const { task, inserts } = app(t, async (insert, calls) => {
    if (inserts.length > 1) throw new StoreBusyError(1)
    await insert(calls)
    throw new UnknownOutcomeError('an insert', [], new Error('the answer was lost'))
  })

  await assert.rejects(task.enqueue('a', { id: 'a' }), { code: 'UNKNOWN_OUTCOME', ids: ['a'] })

  assert.equal(inserts.length, 2)
})

test('a store that is busy is asked once for all, and all are told', async (t) => {
  const { task, inserts } = app(t, async () => {
    throw new StoreBusyError(1)
  })

  const ends = await Promise.allSettled(['a', 'b'].map((input) => task.enqueue(input)))

  assert.deepEqual(
    ends.map((end) => end.status === 'rejected' && (end.reason as { code: string }).code),
    ['STORE_BUSY', 'STORE_BUSY'],
  )
  assert.equal(inserts.length, 1)
})
