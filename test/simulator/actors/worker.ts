/** A worker process: the real runtime, which a supervisor starts again when it has died. */
import type { Worker } from '../../../src/worker/worker.ts'
import type { Actor } from '../actor.ts'
import type { History } from '../history.ts'
import { appOf, mostSlots, type App } from './tasks.ts'

export interface WorkerProcess {
  readonly actor: Actor
  readonly app: App
  readonly worker: Worker
  /** It does not know the newest task. */
  readonly old: boolean
}

/** Runs until it dies or is stopped. */
export function startWorker(history: History, name: string): WorkerProcess {
  const { plan, world } = history
  const { dice } = world
  const actor = history.enter('worker', name)
  const slots = dice.whole(1, mostSlots)
  const old = world.phase === 'safety' && dice.chance(0.15)
  const app = appOf(history, actor, history.storeOf(actor), { slots, old })
  const worker = app.errand.worker({
    name,
    // Strict order or, with one queue, slots of its own.
    queues: plan.queues.length === 1 && dice.chance(0.5) ? { [plan.queues[0]!]: slots } : plan.queues,
    concurrency: slots,
    lease: plan.leaseMs,
    beat: plan.schedulers > 0,
    grace: 1000,
  })
  // A process whose worker cannot start, or cannot go on, ends.
  worker.finished.then(
    () => history.ended(actor),
    () => history.ended(actor),
  )
  worker.start().catch(() => history.ended(actor))
  const found = { actor, app, worker, old }
  history.workers.add(found)

  return found
}
