import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Listener } from '../../src/testing/conformance/scene.ts'
import { aJob } from '../../src/testing/conformance/builders.ts'
import { aStore } from './sqlite-files.ts'

test('a listener is told nothing of what other processes did before it began', async (t) => {
  const writer = aStore(t)
  const first = new Listener(aStore(t, { path: writer.path }), {})
  await first.snapshot
  await writer.insert([[aJob({ id: 'before' })]])
  await first.kinds(1)
  first.stop()

  const second = new Listener(aStore(t, { path: writer.path }), {})
  t.after(() => second.stop())
  await second.snapshot
  await writer.insert([[aJob({ id: 'after' })]])

  assert.deepEqual(await second.kinds(1), ['enqueued after'])
})
