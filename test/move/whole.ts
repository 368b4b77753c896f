/** Whatever a store can hold is carried whole: random histories are moved from memory to an engine and back. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Env } from '../../src/env.ts'
import { move } from '../../src/move/move.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { allSchedules } from '../../src/schedule/all.ts'
import type { JobRecord, Store } from '../../src/store/store.ts'
import { seededScript } from '../../src/testing/agreement/agreement.ts'
import { Player } from '../../src/testing/agreement/player.ts'
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'

/** How many random lives, and from which on. */
export const asked = { lives: Number(process.env['SEEDS'] ?? 25), first: Number(process.env['SEED'] ?? 1) }

/** A life on a disk takes its time. */
export const askedOnDisk = { ...asked, lives: Math.ceil(asked.lives / 6) }

/** Where a store begins and ends. */
type Home = Pick<StoreHarness, 'name' | 'open' | 'cleanup'>

const memory: Home = { name: 'memory', open: async (env) => new MemoryStore({ env }) }

/** A store after a random life, in which nothing runs any more. */
async function aLivedStore(seed: number, home: Home): Promise<{ store: Store; env: ManualEnv }> {
  const env = new ManualEnv()
  const player = new Player(await home.open(env), env)
  for (const command of seededScript(seed, 250)) {
    if (command.do !== 'close') await player.play(command).catch(() => {})
  }
  for (const { id } of player.lives) await player.store.leave(id)
  await quiet(player.store)
  return { store: player.store, env }
}

/** Until nothing is left to do; what ended last is pruned by one call more. */
async function quiet(store: Store): Promise<void> {
  while ((await store.upkeep()).more);
  while ((await store.upkeep()).more);
}

async function everyJob(store: Store): Promise<JobRecord[]> {
  const found: JobRecord[] = []
  let cursor: string | undefined
  do {
    const page = await store.find({ limit: 500 }, cursor)
    found.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined)
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** All that is there, but the order in which it came. */
async function everything(store: Store, circle: readonly string[]) {
  const jobs = await everyJob(store)
  const ids = jobs.map(({ id }) => id)
  const counts = await store.counts()
  return {
    jobs,
    histories: await Promise.all(ids.map((id) => store.history(id))),
    // One of a circle goes first, and then does not know the other any more.
    members: await Promise.all(ids.filter((id) => !circle.includes(id)).map((id) => store.members(id))),
    counts: counts.filter(({ states, paused }) => paused || Object.values(states).some((count) => count > 0)),
    schedules: await allSchedules(store.schedules),
  }
}

async function carry(from: Store, to: Store, env: Env): Promise<void> {
  const { left } = await move({ from: { store: from, name: 'from' }, to: { store: to, name: 'to' }, env, waitMs: 0 })
  assert.deepEqual(left, { running: 0, waiting: 0, final: 0 })
}

/**
 * Claims and ends everything that can still run, well; the order of plain jobs, and how each job ended. Follow-ups that are made
 * now have ids by chance, and go by their task.
 */
async function drain(
  store: Store,
  env: ManualEnv,
  known: ReadonlySet<string>,
): Promise<{ order: string[]; ends: string[] }> {
  const order: string[] = []
  for (const { queue } of await store.counts()) await store.pause(queue, false)
  const queues = (await store.counts()).map(({ queue }) => queue)
  const worker = { name: 'w', host: 'h', pid: 1, queues, tasks: [], slots: 1, leaseMs: 600_000 }
  const incarnation = await store.join(worker)
  let settled: { claim: { id: string; claim: number }; outcome: { kind: 'succeeded'; result: null }; ranMs: number }[] =
    []
  for (let idle = 0; idle < 40; idle++) {
    const answer = await store.turn({ incarnation, settled, givenBack: [], room: [{ queues, jobs: 1, bottomUp: 0 }] })
    assert.equal(answer.gone, false)
    if (answer.gone) break
    settled = answer.claimed.map((claim) => ({ claim, outcome: { kind: 'succeeded', result: null }, ranMs: 1 }))
    for (const { id } of answer.claimed) order.push(id)
    if (answer.claimed.length > 0) idle = 0
    else await env.advance(60_000)
    await store.upkeep({ prune: 0 })
  }
  const ends = (await everyJob(store)).map(
    ({ id, task, state, because }) => `${known.has(id) ? id : task} ${state} ${because}`,
  )
  return { order, ends: ends.toSorted() }
}

/** Limits are not kept over two stores, members go before their waiters, suspects stand apart: their turn may be another. */
function limited(seed: number): Set<string> {
  const text = JSON.stringify(seededScript(seed, 250))
  const ids = [...text.matchAll(/"id":"([^"]+)","task":(?:(?!"id":).)*?"(?:lane|rate)":/g)].map(([, id]) => id!)
  const members = [...text.matchAll(/"on":(\[[^\]]*\])/g)].flatMap(([, on]) => JSON.parse(on!) as string[])
  return new Set([...ids, ...members])
}

/** The jobs that stood ready from the start and are free of limits, in the order in which they ran. */
function turns(order: readonly string[], jobs: readonly JobRecord[], seed: number): string[] {
  const others = limited(seed)
  const plain = jobs.filter(({ id, state, crashes }) => state === 'ready' && crashes < 2 && !others.has(id))
  return order.filter((id) => plain.some((job) => job.id === id))
}

/** Jobs that wait for each other in a circle, and those behind them; a random life may bring some. */
async function stuck(seed: number): Promise<string[]> {
  const { store, env } = await aLivedStore(seed, memory)
  const to = { store: new MemoryStore({ env }), name: 'to' }
  await move({ from: { store, name: 'from' }, to, env, waitMs: 0 })
  return (await everyJob(store)).map(({ id }) => id)
}

/** Moves random lives from home to this engine, and from there home again. */
export function carriedWhole(
  engine: StoreHarness,
  { lives, first, home = memory }: { lives: number; first: number; home?: Home },
): void {
  after(() => engine.cleanup?.())
  after(() => home.cleanup?.())
  for (let seed = first; seed < first + lives; seed++) {
    test(`random life ${seed} is the same store after a move from ${home.name} to ${engine.name} and back, and goes on alike`, async () => {
      const [{ store, env }, stayed] = [await aLivedStore(seed, home), await aLivedStore(seed, home)]
      const circle = await stuck(seed)
      for (const each of [store, stayed.store]) {
        // With room for some, as otherwise what had left its lane before would wait there for ever.
        for (const name of ['l0', 'l1', 'r0', 'r1', 'both'])
          await each.limit(name, { slots: 2, tokens: 2, perMs: 2_000 })
        await each.cancel(circle)
        await quiet(each)
      }
      const between = await engine.open(env)
      const last = await home.open(env)
      const before = await everything(store, circle)

      await carry(store, between, env)
      const halfway = await everything(between, circle)
      await carry(between, last, env)

      assert.ok(before.jobs.length > 0)
      assert.deepEqual(halfway, before)
      assert.deepEqual(await everything(last, circle), before)
      assert.deepEqual((await store.find({})).jobs.length + (await between.find({})).jobs.length, 0)

      const known = new Set(before.jobs.map(({ id }) => id))
      const here = await drain(stayed.store, stayed.env, known)
      const there = await drain(last, env, known)
      assert.deepEqual(there.ends, here.ends)
      assert.deepEqual(turns(there.order, before.jobs, seed), turns(here.order, before.jobs, seed))
      for (const each of [store, stayed.store, between, last]) await each.close()
    })
  }
}
