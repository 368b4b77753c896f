/** An app on Redis that keeps account of what it ran, for tests of what happens to jobs when something breaks. */
import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import { Errand, ErrandError, redisStore, type RedisOptions } from '../../src/index.ts'

/** Short enough to notice a fault while a test lasts. */
export const impatient = {
  commandTimeout: 500,
  connectTimeout: 500,
  waitForServer: '10s',
} as const satisfies RedisOptions

export class RedisApp {
  readonly errand: Errand
  /** How often each number was run. */
  readonly runs = new Map<number, number>()
  /** What the worker said went wrong. */
  readonly troubles: unknown[] = []
  readonly note
  readonly #news = new EventEmitter()

  constructor(t: TestContext, options: RedisOptions, held?: Promise<void>) {
    this.errand = new Errand({ store: redisStore({ ...impatient, ...options }) })
    this.errand.on('error', ({ error }) => this.troubles.push(error))
    this.note = this.errand.task('note', async (number: number) => {
      this.runs.set(number, (this.runs.get(number) ?? 0) + 1)
      this.#news.emit('run')
      await held
      return number
    })
    t.after(() => this.errand.close())
  }

  /** Resolves when as many different numbers have been run. */
  async ran(numbers: number): Promise<void> {
    while (this.runs.size < numbers) await once(this.#news, 'run')
  }

  /** Ready, running and succeeded jobs, once nothing is ready or running any more. */
  async drained(): Promise<number> {
    for (;;) {
      const [queue] = await this.errand.queues()
      const { ready = 0, running = 0, scheduled = 0, succeeded = 0 } = queue?.states ?? {}
      if (ready + running + scheduled === 0) return succeeded
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** What is not known to have been taken is sent again: with new ids, so that it may be there twice. */
export async function untilTaken(enqueue: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      return void (await enqueue())
    } catch (error) {
      if (!(error instanceof ErrandError) || error.outcome === 'none') throw error
    }
  }
}
