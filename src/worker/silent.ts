/**
 * Workers of the same queues that had fallen silent, with jobs, when this one began. A burst stays until what they hold has been taken
 * back: where bursts are all that ever runs, one that left at once would leave those jobs to the next, and so for ever,
 * since a store that nobody looked after in between extends the lease (decision 7).
 */
import type { Env } from '../env.ts'
import type { IncarnationId, Store, WorkerRecord } from '../store/store.ts'

/** A lease that is extended counts as so long at least. */
const usualLeaseMs = 8000
/** One extension, and the looks that come late; whoever is there for longer has been heard again. */
const leasesToStay = 2

export class SilentWorkers {
  readonly #env: Env
  readonly #stays = new Map<IncarnationId, number>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Before upkeep has looked, which may extend their leases. */
  async look(store: Store, queues: readonly string[]): Promise<void> {
    const isShared = (queue: string) => queues.includes(queue)
    for (const worker of await store.workers())
      if (isSilent(worker) && worker.queues.some(isShared)) this.#stays.set(worker.incarnation, this.#until(worker))
  }

  /** Whether jobs of theirs may yet come. Once they have, it says so once more, for the turn that claims them. */
  async mayLeaveJobs(store: Store): Promise<boolean> {
    if (this.#stays.size === 0) return false
    const there = new Set((await store.workers()).map(({ incarnation }) => incarnation))
    for (const [incarnation, until] of this.#stays)
      if (!there.has(incarnation) || this.#env.monotonic() > until) this.#stays.delete(incarnation)

    return true
  }

  #until({ leaseMs }: WorkerRecord): number {
    return this.#env.monotonic() + leasesToStay * Math.max(usualLeaseMs, leaseMs)
  }
}

/** Whoever lives renews long before half of its lease has passed. */
const isSilent = ({ leaseLeftMs, leaseMs, running }: WorkerRecord) => running > 0 && leaseLeftMs < leaseMs / 2
