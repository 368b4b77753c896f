/** One queue, for people who run it. */
import type { JobState } from '../job.ts'
import type { Runtime } from '../runtime.ts'
import { forEachFound, type BulkAnswer, type BulkOptions } from './queries.ts'

/** How a queue stands. From counters, perhaps a second old. */
export interface QueueInfo {
  readonly name: string
  readonly paused: boolean
  /** Jobs by state. */
  readonly states: Readonly<Record<JobState, number>>
}

const none: Readonly<Record<JobState, number>> = {
  scheduled: 0,
  blocked: 0,
  ready: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
}

/** A queue by its name, whether or not it has ever had a job. */
export class Queue {
  readonly name: string
  readonly #runtime: Runtime

  constructor(runtime: Runtime, name: string) {
    this.#runtime = runtime
    this.name = name
  }

  /** Takes jobs and hands out none, in all workers. What runs goes on. */
  async pause(): Promise<void> {
    await (await this.#runtime.open()).pause(this.name, true)
  }

  /** Hands out again what waits. */
  async resume(): Promise<void> {
    await (await this.#runtime.open()).pause(this.name, false)
  }

  /** All zero for one that has never had a job. */
  async info(): Promise<QueueInfo> {
    const counts = (await (await this.#runtime.open()).counts()).find(({ queue }) => queue === this.name)

    return { name: this.name, paused: counts?.paused ?? false, states: counts?.states ?? none }
  }

  /** Cancels every job that waits here. What runs goes on. */
  async purge(options: BulkOptions = {}): Promise<BulkAnswer> {
    const store = await this.#runtime.open()
    const query = { queues: [this.name], states: ['ready', 'scheduled', 'blocked'] } as const

    return forEachFound(
      store,
      query,
      options,
      (ids) => store.cancel(ids),
      (answer) => answer === 'cancelled',
    )
  }
}
