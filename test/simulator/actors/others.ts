/** Schedulers, rescuers and the operator: they speak to the store as the tools do. */
import { Upkeep } from '../../../src/upkeep/upkeep.ts'
import type { Rank } from '../../../src/job.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Actor } from '../actor.ts'
import type { History } from '../history.ts'
import { appOf, mostSlots } from './tasks.ts'

/** The runtime's own beat, beside those of the workers: any number of them may look after the same schedules. */
export function startScheduler(history: History, name: string): void {
  const actor = history.enter('scheduler', name)
  const app = appOf(history, actor, history.storeOf(actor), { slots: 0, old: false })
  app.errand
    .beat()
    .start()
    .catch(() => history.ended(actor))
}

/** Upkeep in a process of its own, by the runtime's own loop or in small portions. */
export function startRescuer(history: History, name: string): void {
  const { world, plan } = history
  const { dice } = world
  const actor = history.enter('rescuer', name)
  const store = history.storeOf(actor)
  if (dice.chance(0.5)) {
    new Upkeep(history.runtimeOf(actor, store), store, plan.leaseMs, () => {}).start()
    return
  }
  void (async () => {
    for (;;) {
      await trying(store.upkeep({ promote: 2, rescue: 1, expire: 1, spread: dice.pick([1, 3, 8]), prune: 1 }))
      await actor.sleep(200 + dice.next() * 1500)
    }
  })()
}

export function startOperator(history: History, name: string): void {
  const actor = history.enter('operator', name)
  const store = history.storeOf(actor)
  void (async () => {
    while (history.world.phase === 'safety') {
      await trying(operate(history, actor, store))
      await actor.sleep(history.world.dice.next() * 1200)
    }
  })()
}

async function operate(history: History, actor: Actor, store: Store): Promise<unknown> {
  const { dice } = history.world
  const ids = someIds(history)
  const act = dice.weighted<() => unknown>([
    [5, () => store.cancel(ids)],
    [history.plan.features.longRuns ? 16 : 0, () => store.cancel(lastingIds(history))],
    [2, () => store.retry(ids)],
    [2, () => store.retry(failedIds(history))],
    [2, () => store.remove(ids)],
    [2, () => store.change(ids, { rank: dice.below(4) as Rank })],
    [1, () => store.change(ids, { due: { inMs: dice.pick([0, 1000]) } })],
    [1, () => store.change(ids, { input: '{"does":"quick","ms":7}' })],
    [2, () => pauseAWhile(history, actor, store)],
    [1, () => store.limit('l0', { slots: dice.whole(1, 3) })],
    [2, () => store.release(ids.map((id) => ({ id, result: '1' })))],
    [2, () => history.stopSomeWorker()],
    [1, () => sendSome(history, store)],
    [1, () => store.stats({ fromAt: 0, toAt: history.world.wall() })],
    [1, () => store.history(ids[0] ?? 'none')],
  ])
  return act()
}

/** Not `quiet`: it would be quiet to the end. */
function sendSome(history: History, store: Store): Promise<void> {
  const { dice } = history.world
  const lives = [...history.checker.book.lives.keys()]
  const to = lives.length === 0 || dice.chance(0.2) ? 'all' : dice.pick(lives.slice(-3))
  if (dice.chance(0.4)) return store.send(to, { kind: 'stop' })
  history.resized = true
  return store.send(to, { kind: 'resize', slots: dice.whole(1, mostSlots) })
}

async function pauseAWhile(history: History, actor: Actor, store: Store): Promise<void> {
  const queue = history.world.dice.pick(history.plan.queues)
  await store.pause(queue, true)
  await actor.sleep(history.world.dice.next() * 2000)
  await store.pause(queue, false)
}

function lastingIds({ checker }: History): string[] {
  const running = checker.book.pages.values().filter(({ holder, job }) => holder && job.task === 'long')
  return [...running].map(({ id }) => id)
}

/** Others were cancelled because of them, perhaps. */
function failedIds({ checker, world }: History): string[] {
  const { pages } = checker.book
  const failed = [...pages.values()].filter(({ final }) => final !== undefined && final.state !== 'succeeded')
  const awaited = failed.filter(({ id }) => pages.values().some(({ waitsOn }) => waitsOn.includes(id)))
  const from = awaited.length > 0 ? awaited : failed
  return from.length > 0 ? [world.dice.pick(from).id] : []
}

function someIds(history: History): string[] {
  const { dice } = history.world
  const known = history.knownIds()
  if (known.length === 0) return []
  return [...new Set([dice.pick(known), dice.pick(known.slice(-6))])]
}

/** A tool that fails is started again by whoever used it; what it was told is of no matter here. */
export async function trying(doing: Promise<unknown>): Promise<void> {
  try {
    await doing
  } catch {
    // The store was away, or a fault was injected; the system's own errors are the checker's to see.
  }
}
