/** A mover that dies before or after any one of its calls, or hears nothing of it, with workers on both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnknownOutcomeError } from '../../src/errors.ts'
import { move, type MoveReport } from '../../src/move/move.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { allSchedules } from '../../src/schedule/all.ts'
import type { MovingStore } from '../../src/store/moving.ts'
import type { Store } from '../../src/store/store.ts'
import { aJob, aSettlement, aTurn, aWorker, failed, jobs, succeeded } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

type Fault = 'dies before' | 'dies after' | 'hears nothing of'

class Died extends Error {}

/** Both stores, whose calls are counted together; the n-th goes wrong. */
class Calls {
  count = 0
  readonly #fatal: number
  readonly #fault: Fault

  constructor(fatal: number, fault: Fault) {
    this.#fatal = fatal
    this.#fault = fault
  }

  through(store: Store): Store {
    const moving = Object.fromEntries(
      Object.entries(store.moving).map(([name, call]) => [name, this.#through(call as Call)]),
    ) as unknown as MovingStore
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'moving') return moving
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  #through(call: Call): Call {
    return async (...args) => {
      const now = ++this.count === this.#fatal
      if (now && this.#fault === 'dies before') throw new Died()
      const answer = await call(...args)
      if (now && this.#fault === 'dies after') throw new Died()
      if (now) throw new UnknownOutcomeError('a move', [], new Error('no reply'))
      return answer
    }
  }
}

type Call = (...args: unknown[]) => Promise<unknown>

class World {
  readonly env = new ManualEnv()
  readonly from: Store = new MemoryStore({ env: this.env })
  readonly to: Store = new MemoryStore({ env: this.env })
  readonly ran: string[] = []
  #workers = new Map<Store, string>()

  async begin(): Promise<void> {
    const { from } = this
    const lane = { name: 'one', slots: 1 }
    await from.insert([
      jobs(['running', 'b']),
      jobs(['a', 'c'], { keepSucceededMs: 0 }),
      jobs(['p', 'q'], { lane }),
      [aJob({ id: 'held', held: true })],
    ])
    await from.insert([[aJob({ id: 'later', due: { inMs: 60_000 } }), aJob({ id: 'key', unique })]])
    await from.insert([[aJob({ id: 'mixed', after: { on: ['running', 'b', 'held'], otherwise: 'cancel' } })]])
    await from.insert([[aJob({ id: 'chain', after: { on: ['mixed'], otherwise: 'run' } })]])
    await from.insert([[aJob({ id: 'bad', rank: 0 })]])
    await from.insert([[aJob({ id: 'spoilt', after: { on: ['bad'], otherwise: 'cancel' } })]])
    await from.schedules.put([{ name: 'tick', rule: 'r', nextAt: this.env.now() + 1_000 }])
    const worker = await this.#join(from)
    const [bad] = await this.#claim(from, worker, 1)
    await from.turn(aTurn({ incarnation: worker, settled: [aSettlement(bad!, failed)], room: [] }))
    await this.#claim(from, worker, 1)
  }

  /** Ends what runs, and claims some more: well, and once. */
  async work(store: Store): Promise<void> {
    const worker = await this.#join(store)
    const held = await store.resync(worker)
    if (held === 'gone') return
    for (const { id } of held.held) this.ran.push(id)
    const settled = held.held.map(({ id, claim }) => aSettlement({ id, claim }, succeeded))
    await store.turn(aTurn({ incarnation: worker, settled, room: [] }))
    await this.#claim(store, worker, 2)
  }

  async move(calls: Calls): Promise<MoveReport> {
    const [from, to] = [calls.through(this.from), calls.through(this.to)]
    const moving = move({
      from: { store: from, name: 'from' },
      to: { store: to, name: 'to' },
      env: this.env,
      waitMs: 0,
    })
    let over = false
    void moving.catch(() => {}).finally(() => (over = true))
    while (!over) await this.env.advance(100)
    return moving
  }

  async #join(store: Store): Promise<string> {
    const known = this.#workers.get(store) ?? (await store.join(aWorker({ leaseMs: 600_000 })))
    this.#workers.set(store, known)
    return known
  }

  async #claim(store: Store, incarnation: string, count: number) {
    const answer = await store.turn(aTurn({ incarnation, room: [{ queues: ['default'], jobs: count, bottomUp: 0 }] }))
    assert.equal(answer.gone, false)
    return answer.gone ? [] : answer.claimed
  }
}

const unique = { key: 'k', scope: 'active', onConflict: 'keep' } as const
const once = ['running', 'a', 'b', 'c', 'p', 'q', 'later', 'key', 'mixed', 'chain']

/** From the first call to the last one of a move that meets no fault any more. */
async function everyCall(fault: Fault): Promise<number> {
  for (let fatal = 1; ; fatal++) {
    const world = new World()
    await world.begin()
    const calls = new Calls(fatal, fault)
    await world.move(calls).catch((error: unknown) => assert.ok(error instanceof Died, String(error)))
    if (calls.count < fatal) return fatal

    await livesOn(world, `${fault} call ${fatal}`)
  }
}

async function livesOn(world: World, fault: string): Promise<void> {
  for (let round = 0; round < 12; round++) {
    // Long enough for what has just arrived to run and to be forgotten before the next mover comes.
    for (let turns = 0; turns < 4; turns++) await world.work(world.to)
    await world.to.upkeep()
    await world.to.upkeep()
    await world.work(world.from)
    await world.move(new Calls(0, 'dies before'))
    if (round === 3) await world.to.release([{ id: 'held', result: null }])
    if (round === 4) await world.env.advance(60_000)
  }

  assert.deepEqual(world.ran.toSorted(), once.toSorted(), fault)
  assert.deepEqual((await world.from.find({})).jobs, [], fault)
  const states = Object.fromEntries((await world.to.find({})).jobs.map(({ id, state }) => [id, state]))
  const kept = [...once, 'held'].filter((id) => id !== 'a' && id !== 'c')
  const ended = Object.fromEntries(kept.map((id) => [id, 'succeeded']))
  assert.deepEqual(states, { ...ended, bad: 'failed', spoilt: 'cancelled' }, fault)
  const [tick, ...others] = await allSchedules(world.to.schedules)
  assert.deepEqual([tick?.name, others, await allSchedules(world.from.schedules)], ['tick', [], []], fault)
}

for (const fault of ['dies before', 'dies after', 'hears nothing of'] as const) {
  test(`a mover that ${fault} any one of its calls loses and doubles nothing`, async () => {
    assert.ok((await everyCall(fault)) > 10)
  })
}
