/** When upkeep looks. What it does there is the store's: src/testing/conformance. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errand, type Store } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

/** The same store, whose upkeep is done at once and answered only when it is let go. */
function answeringLate(store: MemoryStore) {
  const late = { letGo: () => {}, held: Promise.resolve() }
  const hold = () => (late.held = new Promise((resolve) => (late.letGo = resolve)))
  const reached = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'upkeep') return value.bind(target)
      return async () => {
        const done = await target.upkeep()
        await late.held
        return done
      }
    },
  }) as Store

  return { late, hold, reached }
}

for (const delay of [5, 25]) {
  test(`what falls due after ${delay} ms, while upkeep is on its way, is seen to when that is back`, async (t) => {
    const env = new ManualEnv()
    const { late, hold, reached } = answeringLate(new MemoryStore({ env }))
    const errand = new Errand({ store: reached, env })
    t.after(() => errand.close())
    const task = errand.task('task', () => {})
    const worker = await errand.worker({ beat: false }).start()
    await env.advance(2_000)
    void hold()
    await env.advance(1_300)

    const due = await task.enqueue(undefined, { delay })
    await env.advance(10)
    await task.enqueue()
    await env.advance(100)
    late.letGo()
    await env.advance(30)

    assert.equal(await due.state(), 'succeeded')
    await worker.stop()
  })
}
