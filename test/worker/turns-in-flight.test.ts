/** Stores that take several turns at once. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as soon } from 'node:timers/promises'
import { Errand, type Store } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { UnknownOutcomeError } from '../../src/errors.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { Turn } from '../../src/store/store.ts'

interface Distant {
  readonly store: Store
  /** How many turns were under way at most. */
  most: number
  /** How often `resync` was called while a turn was under way. */
  tooEarly: number
  readonly turns: Turn[]
}

/** A memory store far away: its answers take some turns of the event loop, and some get lost. */
function distant(turnsInFlight: number, isLost: (call: number) => boolean = () => false): Distant {
  const memory = new MemoryStore({ env: systemEnv() })
  Object.assign(memory.limits, { jobsPerCall: 20, turnsInFlight })
  const seen: Distant = { store: memory, most: 0, tooEarly: 0, turns: [] }
  let underWay = 0
  const { turn, resync } = memory
  memory.turn = async (asked) => {
    seen.turns.push(asked)
    const call = seen.turns.length
    seen.most = Math.max(seen.most, ++underWay)
    try {
      for (let hop = 0; hop < 5; hop++) await soon()
      const answer = await turn.call(memory, asked)
      if (isLost(call)) throw new UnknownOutcomeError('a turn', [], new Error('the answer was lost'))
      for (let hop = 0; hop < 5; hop++) await soon()
      return answer
    } finally {
      underWay--
    }
  }
  memory.resync = async (incarnation) => {
    if (underWay > 0) seen.tooEarly++
    return resync.call(memory, incarnation)
  }
  return seen
}

async function drain(t: TestContext, store: Store, jobs: number): Promise<number[]> {
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const ran: number[] = []
  const task = errand.task('task', (n: number) => void ran.push(n))
  await task.enqueueMany(Array.from({ length: jobs }, (_, n) => n))
  const worker = await errand.worker({ burst: true, concurrency: 50 }).start()
  await worker.finished
  assert.equal((await errand.queues())[0]!.states.succeeded, jobs)

  return ran
}

test('a worker has several turns under way where the store takes them, and runs each job once', async (t) => {
  const seen = distant(3)

  const ran = await drain(t, seen.store, 1000)

  assert.deepEqual(
    ran.toSorted((a, b) => a - b),
    Array.from({ length: 1000 }, (_, n) => n),
  )
  assert.equal(seen.most, 3)
})

test('each end is in one turn, and no turn asks for more than a call may bring', async (t) => {
  const seen = distant(3)

  await drain(t, seen.store, 500)

  const settled = seen.turns.flatMap((turn) => turn.settled.map(({ claim }) => claim.id))
  assert.equal(settled.length, new Set(settled).size)
  assert.ok(seen.turns.every(({ room }) => room.every(({ jobs }) => jobs <= 20)))
})

test('a store that takes one turn at a time is given one at a time', async (t) => {
  const seen = distant(1)

  await drain(t, seen.store, 300)

  assert.equal(seen.most, 1)
})

test('answers lost among several turns strand no job and run none twice, and are asked after when all are back', async (t) => {
  const seen = distant(3, (call) => call % 4 === 0)

  const ran = await drain(t, seen.store, 400)

  assert.deepEqual([ran.length, new Set(ran).size], [400, 400])
  assert.equal(seen.tooEarly, 0)
})
