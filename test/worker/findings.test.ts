/** What a worker says of its store when it starts. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Errand, type Events } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { Inspection } from '../../src/store/store.ts'

/** An app on a store that says this of itself, and what its workers tell of it. */
function anApp(t: TestContext, says: () => Promise<Inspection[]>) {
  const store = new MemoryStore({ env: systemEnv() })
  store.inspect = says
  const errand = new Errand({ store })
  errand.task('task', () => {})
  const told: Events['store finding'][] = []
  errand.on('store finding', (finding) => told.push(finding))
  t.after(() => errand.close())

  return { errand, told }
}

const good = { subject: 'eviction', verdict: 'good', detail: 'None.' } as const
const warning = { subject: 'durability', verdict: 'warning', detail: 'no persistence' } as const
const bad = { subject: 'replicas', verdict: 'bad', detail: '0 of 1' } as const

test('what a store says of itself that is not good is told when a worker starts, and once in a process', async (t) => {
  const { errand, told } = anApp(t, async () => [good, warning, bad])
  const workers = [errand.worker(), errand.worker()]

  for (const worker of workers) await worker.start()
  for (const worker of workers) await worker.stop()

  assert.deepEqual(told, [warning, bad])
})

test('a store of which all is good is not spoken of', async (t) => {
  const { errand, told } = anApp(t, async () => [good])
  const worker = errand.worker()

  await worker.start()
  await worker.stop()

  assert.deepEqual(told, [])
})

test('a store that cannot say how it is keeps no worker from starting or stopping', async (t) => {
  const { errand, told } = anApp(t, () => Promise.reject(new Error('no rights')))
  const worker = errand.worker()

  await worker.start()
  await worker.stop()

  assert.deepEqual(told, [])
})
