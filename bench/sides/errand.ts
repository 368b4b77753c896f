import path from 'node:path'
import { Errand } from 'errand'
import type { Handler, Input, Result } from '../work.ts'
import type { Client, ClientOptions, Side } from './side.ts'

const alike = 'concurrency 100, results kept, every feature on'

/** As anyone gets it: nothing is turned off, and only the concurrency is not a default. */
export const errandSide: Side = {
  settings: {
    sqlite: `node:sqlite, WAL, power-safe (enqueueing synced by fdatasync, settling at synchronous=FULL), enqueueMany in 1,000s, ${alike}`,
    redis: `ioredis, three enqueueMany of 1,000 at once, ${alike}`,
    postgres: `pg, three enqueueMany of 1,000 at once, ${alike}`,
  },

  async open({ store, loaded }: ClientOptions): Promise<Client> {
    const errand = openErrand(store)
    const retry = { attempts: 2, backoff: 'fixed', first: 0, jitter: 0 } as const
    let handler: Handler = () => {
      throw new Error('A job was started before there was a worker')
    }
    const send = errand.task<Input, Result>('send', { queue: 'default', ...(loaded && { retry }) }, (input, job) =>
      handler(input, job.attempt === 1),
    )

    if (loaded) attachListener(errand)
    await errand.open()

    return {
      bulk: { jobs: 1000, inFlight: isOnServer(store) ? 3 : 1 },
      enqueue: (input) => send.enqueue(input),
      enqueueMany: async (inputs, delayMs) => {
        await send.enqueueMany(inputs, delayMs === undefined ? {} : { delay: delayMs })
      },
      worker: (newHandler) => {
        handler = newHandler

        return runningWorker(errand)
      },
      succeeded: async () => (await errand.queues()).find(({ name }) => name === 'default')?.states.succeeded ?? 0,
      close: () => errand.close(),
    }
  },
}

export function openErrand(store: string): Errand {
  return new Errand({ store: isOnServer(store) ? store : `sqlite:${path.join(store, 'errand.db')}` })
}

function isOnServer(store: string): boolean {
  return store.includes('://')
}

export function runningWorker(errand: Errand, concurrency = 100) {
  const worker = errand.worker({ queues: ['default'], concurrency })
  worker.finished.catch(giveUp)

  return worker
}

/** A worker that could not go on would leave its stage waiting for jobs that nobody runs. */
function giveUp(error: unknown): void {
  console.error(error)
  process.exit(1)
}

/** As BullMQ's: one for what is added in this process, one for what ends in it. */
function attachListener(errand: Errand): void {
  let heard = 0
  const hear = () => {
    heard += 1
  }

  errand.on('enqueued', hear)
  errand.on('succeeded', hear)
}
