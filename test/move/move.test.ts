import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MoveConflictError, MoveRefusedError, StoreBusyError } from '../../src/errors.ts'
import { callOff, countMove, move, type MoveOptions, type MoveReport } from '../../src/move/move.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { aJob, aTurn, aWorker, jobs } from '../../src/testing/conformance/builders.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

class World {
  readonly env = new ManualEnv()
  readonly from: Store = new MemoryStore({ env: this.env })
  readonly to: Store = new MemoryStore({ env: this.env })

  get options(): MoveOptions {
    const [from, to] = [this.from, this.to]
    return { from: { store: from, name: 'from' }, to: { store: to, name: 'to' }, env: this.env, waitMs: 0 }
  }

  /** Time passes until it is over. */
  async move(options: Partial<MoveOptions> = {}): Promise<MoveReport> {
    const moving = move({ ...this.options, ...options })
    let over = false
    void moving.catch(() => {}).finally(() => (over = true))
    while (!over) await this.env.advance(250)
    return moving
  }

  async states(store: Store): Promise<Record<string, string>> {
    return Object.fromEntries((await store.find({})).jobs.map(({ id, state }) => [id, state]))
  }
}

test('it says what it has moved, by state, and that nothing is left', async () => {
  const world = new World()
  await world.from.insert([jobs(['a', 'b']), [aJob({ id: 'later', due: { inMs: 60_000 } })]])
  await world.from.schedules.put([{ name: 'tick', rule: 'r', nextAt: 1_000 }])
  const told: number[] = []

  assert.deepEqual(await countMove(world.options.from), { left: { running: 0, waiting: 3, final: 0 }, schedules: 1 })
  const report = await world.move({ onProgress: ({ moved }) => told.push(moved.ready) })

  assert.deepEqual([report.moved.ready, report.moved.scheduled, report.schedules], [2, 1, 1])
  assert.deepEqual(report.left, { running: 0, waiting: 0, final: 0 })
  assert.deepEqual(told, [0, 2])
  assert.equal((await world.from.moving.status()).to, undefined)
})

test('limits that were set by hand go along, and those that were set there stay', async () => {
  const world = new World()
  const lane = (name: string) => ({ lane: { name, slots: 5 } })
  await world.from.insert([[aJob(lane('lowered')), aJob(lane('both')), aJob(lane('usual'))]])
  await world.from.limit('lowered', { slots: 1 })
  await world.from.limit('both', { slots: 2 })
  await world.from.limit('nobody', { tokens: 3, perMs: 1_000 })
  await world.to.limit('both', { slots: 3 })

  await world.move()

  const limits = await world.to.listLimits({})
  assert.deepEqual(
    limits.map(({ name, slots, tokens, pinned }) => [name, slots ?? tokens, pinned]),
    [
      ['both', 3, true],
      ['lowered', 1, true],
      ['nobody', 3, true],
      ['usual', 5, false],
    ],
  )
})

test('a job whose id is another job’s there stays what it was, and the rest has arrived', async () => {
  const world = new World()
  await world.from.insert([jobs(['a', 'same', 'b'])])
  await world.to.insert([[aJob({ id: 'same', input: '{"other":true}' })]])

  await assert.rejects(world.move(), (error) => error instanceof MoveConflictError && error.ids[0] === 'same')

  assert.deepEqual(await world.states(world.from), { same: 'ready' })
  assert.deepEqual(await world.from.cancel(['same']), ['cancelled'])
  assert.deepEqual(Object.keys(await world.states(world.to)).toSorted(), ['a', 'b', 'same'])
})

test('a job that both stores have is one job', async () => {
  const world = new World()
  for (const store of [world.from, world.to]) await store.insert([jobs(['same'])])

  await world.move()

  assert.deepEqual([await world.states(world.from), await world.states(world.to)], [{}, { same: 'ready' }])
})

test('what a dead worker had is taken back and moved, though no other worker is left to look', async () => {
  const world = new World()
  await world.from.insert([jobs(['a'])])
  await world.from.turn(aTurn({ incarnation: await world.from.join(aWorker()) }))
  assert.equal((await world.move()).left.running, 1)

  await world.move({ waitMs: 20_000 })

  const [a] = await world.to.get(['a'])
  assert.ok(typeof a === 'object')
  assert.deepEqual([a.state, a.crashes], ['ready', 1])
})

test('a paused queue is paused there too, and whoever resumes it is not overruled', async () => {
  const world = new World()
  await world.from.insert([jobs(['a'])])
  await world.from.turn(aTurn({ incarnation: await world.from.join(aWorker()) }))
  await world.from.pause('default', true)

  await world.move()
  assert.equal((await world.to.counts())[0]!.paused, true)
  await world.to.pause('default', false)
  await world.move()

  assert.equal((await world.to.counts())[0]!.paused, false)
})

test('a busy store is asked again', async () => {
  const world = new World()
  await world.from.insert([jobs(['a'])])
  const { moving } = world.to
  let refusals = 3
  const busy: Store['moving'] = {
    ...moving,
    place: async (asked) => {
      if (refusals-- > 0) throw new StoreBusyError(1)
      return moving.place(asked)
    },
  }
  const to = new Proxy(world.to, {
    get: (target, name) => (name === 'moving' ? busy : (Reflect.get(target, name, target) as unknown)),
  })

  await world.move({ to: { store: to, name: 'to' } })

  assert.deepEqual(await world.states(world.to), { a: 'ready' })
})

test('aborted, it ends between two steps and says what is left', async () => {
  const world = new World()
  for (let call = 0; call < 3; call++) {
    await world.from.insert([Array.from({ length: 200 }, () => aJob())])
  }
  const stop = new AbortController()

  const { moved, left } = await world.move({ signal: stop.signal, onProgress: () => stop.abort() })

  assert.deepEqual([moved.ready, left.waiting], [200, 400])
})

test('a move that was called off lets the source go elsewhere', async () => {
  const world = new World()
  await world.from.insert([jobs(['a', 'b'])])
  await world.from.turn(aTurn({ incarnation: await world.from.join(aWorker()), room: oneJob }))
  await world.move()
  const elsewhere = { store: new MemoryStore({ env: world.env }), name: 'elsewhere' }
  await assert.rejects(world.move({ to: elsewhere }), MoveRefusedError)

  assert.equal((await callOff(world.options)).left.running, 1)

  assert.equal((await world.move({ to: elsewhere })).left.running, 1)
  await assert.rejects(callOff(world.options), /being moved to elsewhere already/)
})

const oneJob = [{ queues: ['default'], jobs: 1, bottomUp: 0 }]

test('a store is not moved to itself, nor back while it is on its way', async () => {
  const world = new World()
  const { from, to } = world.options
  await world.from.insert([jobs(['a'])])
  await world.from.turn(aTurn({ incarnation: await world.from.join(aWorker()) }))

  await assert.rejects(world.move({ to: from }), /the same store/)
  await assert.rejects(callOff(world.options), /not being moved/)
  await world.move()
  await assert.rejects(world.move({ from: to, to: from }), /itself being moved, to to/)
})
