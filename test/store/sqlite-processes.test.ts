import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { systemEnv } from '../../src/env.ts'
import type { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { aJob, aTurn, aWorker } from '../../src/testing/conformance/builders.ts'
import { aFolder, aStore } from './sqlite-files.ts'

function start(t: TestContext, ...args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, 'sqlite-child.ts'), args)
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function idsOf(child: ChildProcess): Promise<string[]> {
  const [ids] = (await once(child, 'message')) as [string[]]
  return ids
}

/** Other processes are what is waited for, and they cannot call back. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; looks < 600 && !(await condition()); looks++) await pause(50)
}

async function hasEnded(store: SqliteStore, wanted: number): Promise<boolean> {
  const [counts] = await store.counts()
  return counts?.states.succeeded === wanted
}

test('two producers and two workers on one file lose nothing and run nothing twice', async (t) => {
  const path = join(aFolder(t), 'errand.db')
  const store = aStore(t, { path })
  const workers = ['w1', 'w2'].map((name) => start(t, 'work', path, name))
  const ran = workers.map(idsOf)
  await until(async () => (await store.workers()).length === 2)
  const producers = ['p1', 'p2'].map((name) => start(t, 'produce', path, name, '600'))

  const enqueued = (await Promise.all(producers.map(idsOf))).flat()
  await until(() => hasEnded(store, enqueued.length))
  for (const worker of workers) worker.send('end')
  const shares = await Promise.all(ran)

  assert.equal(await hasEnded(store, 1200), true)
  assert.deepEqual(shares.flat().toSorted(), enqueued.toSorted())
  // Nobody is kept out of the lock: each worker has run some.
  assert.ok(shares.every((share) => share.length > 0))
})

test('processes that open a new file at the same moment all get in', async (t) => {
  const path = join(aFolder(t), 'errand.db')

  const ids = await Promise.all(['a', 'b', 'c', 'd'].map((name) => idsOf(start(t, 'produce', path, name, '20'))))

  assert.equal(ids.flat().length, 80)
  assert.equal((await aStore(t, { path }).counts())[0]?.states.ready, 80)
})

test("a sleeping worker notices another connection's commit within milliseconds", async (t) => {
  const sleeping = aStore(t)
  const other = aStore(t, { path: sleeping.path })
  const incarnation = await sleeping.join(aWorker())
  const env = systemEnv()
  const took: number[] = []

  for (let round = 0; round < 20; round++) {
    await sleeping.turn(aTurn({ incarnation }))
    const woken = sleeping.wait(incarnation, ['default'], 10_000, new AbortController().signal)
    await other.insert([[aJob()]])
    const committed = env.monotonic()
    assert.equal(await woken, 'work')
    took.push(env.monotonic() - committed)
  }

  // Far below the 250 ms of the poll that is only the net.
  assert.ok(took.toSorted((a, b) => a - b)[10]! < 50, `took ${took.map(Math.round).join(', ')} ms`)
})

test("an event told in one process reaches another's listener", async (t) => {
  const store = aStore(t)
  const other = aStore(t, { path: store.path })
  const abort = new AbortController()
  const events = store.events({}, abort.signal)[Symbol.asyncIterator]()
  assert.equal((await events.next()).value.kind, 'snapshot')

  await other.insert([[aJob({ id: 'heard' })]])
  const { value } = await events.next()
  abort.abort()

  assert.equal(value.kind === 'job' && value.event.id, 'heard')
})
