/** An app on the memory engine and its workers, ended with the test. */
import type { TestContext } from 'node:test'
import { Errand, type Worker, type WorkerOptions } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { systemEnv } from '../../src/env.ts'

export interface Started {
  readonly errand: Errand
  readonly store: MemoryStore
  /** Another app, as another process would have it, on the same store. */
  readonly another: () => Errand
  /** Starts a worker; it is stopped with the test. */
  readonly work: (options?: WorkerOptions) => Promise<Worker>
}

export function started(t: TestContext): Started {
  const env = systemEnv()
  const store = new MemoryStore({ env })
  const apps: Errand[] = []
  const another = () => {
    const app = new Errand({ store })
    apps.push(app)
    return app
  }
  const errand = another()
  t.after(async () => {
    for (const app of apps) await app.close()
  })

  return { errand, store, another, work: (options) => errand.worker({ grace: '1s', ...options }).start() }
}

/** Looks after each turn of the event loop until it is so. The runner's own time limit ends a wait in vain. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

/** What a handler does that heeds its signal. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
