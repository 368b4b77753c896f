/** What a worker was given counts only while its lease does: a late answer, or a store that is away, must not make it run twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errand, type Store } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { Wakeup } from '../../src/worker/wakeup.ts'

/** A store whose turns are answered late, or not at all, while `held`. */
function slowed(store: Store, turns: { held: boolean; answered: Wakeup; failing: boolean }): Store {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (name === 'resync' && turns.failing) return () => Promise.reject(new Error('The store is away.'))
      if (name !== 'turn') return value
      return async (turn: Parameters<Store['turn']>[0]) => {
        if (turns.failing) throw new Error('The store is away.')
        const answer = await target.turn(turn)
        if (turns.held && !answer.gone && answer.claimed.length > 0) await turns.answered.woken
        return answer
      }
    },
  })
}

async function scene() {
  const env = new ManualEnv()
  const store = new MemoryStore({ env })
  const turns = { held: false, answered: new Wakeup(), failing: false }
  const errand = new Errand({ store: slowed(store, turns), env })
  const starts: number[] = []
  const work = errand.task('work', async (ms: number, job) => {
    starts.push(job.attempt)
    await new Promise<void>((resolve) => env.after(ms, resolve))
  })
  const end = async () => {
    turns.failing = turns.held = false
    turns.answered.wake()
    const closed = errand.close()
    await env.advance(60_000)
    await closed
  }
  return { env, store, turns, errand, starts, work, end }
}

test('an answer that comes later than the lease starts nothing by itself', async (t) => {
  const { env, turns, errand, starts, work, end } = await scene()
  t.after(end)
  turns.held = true
  const job = await work.enqueue(0)
  const worker = errand.worker({ lease: '2s' })

  void worker.start()
  // A store that has just begun spares everybody for eight seconds.
  await env.advance(9000)
  assert.equal(await job.state(), 'ready')
  turns.held = false
  turns.answered.wake()
  await env.advance(1000)

  // Once, under the claim of its next life.
  assert.deepEqual([starts.length, await job.state()], [1, 'succeeded'])
})

test('what waits for a slot is not started when the store has not answered for longer than the lease', async (t) => {
  const { env, store, turns, errand, starts, work, end } = await scene()
  t.after(end)
  const worker = errand.worker({ lease: '2s', concurrency: 1 })
  // Quick jobs first, so that it claims some ahead of the slow one and behind it.
  await work.enqueueMany([...Array.from({ length: 40 }, () => 1), 3000, ...Array.from({ length: 20 }, () => 1)])
  await worker.start()
  while (starts.length < 41) await env.advance(1)
  const [{ running } = { running: 0 }] = await store.workers()
  assert.ok(running > 1, 'nothing waits behind the slow job')

  turns.failing = true
  await env.advance(4000)

  assert.equal(starts.length, 41)
})
