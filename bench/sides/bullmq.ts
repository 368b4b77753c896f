import { Queue, Worker as BullmqWorker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Handler, Input } from '../work.ts'
import type { Client, ClientOptions, Side, Worker } from './side.ts'

export const bullmqSide: Side = {
  settings: {
    redis: 'concurrency 150, three addBulk of 1,000 at once, no auto-pipelining, results kept',
  },

  async open({ store, loaded }: ClientOptions): Promise<Client> {
    const connection = connect(store)
    const queue = new Queue('bench', { connection })
    const retry = loaded ? { attempts: 2 } : {}

    if (loaded) queue.on('waiting', () => {})
    await queue.waitUntilReady()

    return {
      bulk: { jobs: 1000, inFlight: 3 },
      enqueue: (input) => queue.add('send', input, retry),
      enqueueMany: async (inputs, delayMs) => {
        const opts = delayMs === undefined ? retry : { ...retry, delay: delayMs }

        await queue.addBulk(inputs.map((data) => ({ name: 'send', data, opts })))
      },
      worker: (handler) => bullmqWorker(store, handler, loaded),
      succeeded: () => queue.getCompletedCount(),
      close: async () => {
        await queue.close()
        connection.disconnect()
      },
    }
  },
}

function bullmqWorker(store: string, handler: Handler, loaded: boolean): Worker {
  const connection = connect(store)
  const worker = new BullmqWorker<Input>('bench', async (job) => handler(job.data, job.attemptsMade === 0), {
    connection,
    concurrency: 150,
    autorun: false,
  })

  let completed = 0
  if (loaded) {
    worker.on('completed', () => {
      completed += 1
    })
  }
  return driven(worker, connection)
}

/** A worker of BullMQ's that was made without `autorun`, as the stages drive it. */
export function driven(worker: BullmqWorker, connection: Redis): Worker {
  worker.on('error', (error) => console.error(error))

  return {
    start: async () => {
      await worker.waitUntilReady()
      void worker.run()
    },
    stop: async () => {
      await worker.close()
      connection.disconnect()
    },
  }
}

export function connect(url: string): Redis {
  return new Redis(url, { maxRetriesPerRequest: null, enableAutoPipelining: false })
}
