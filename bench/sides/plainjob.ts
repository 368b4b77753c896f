import path from 'node:path'
import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker, type Queue } from 'plainjob'
import type { Handler, Input } from '../work.ts'
import type { Client, ClientOptions, Side, Worker } from './side.ts'

/** plainjob's number for a job that is done; it exports the type of its states only. */
const done = 2

const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing }

/**
 * plainjob keeps no results and has no retry: what fails in the loaded work is added again by its
 * `onFailed`, as its users would. Its poll interval is 1 ms, a thousandth of its default.
 */
export const plainjobSide: Side = {
  settings: {
    sqlite: 'better-sqlite3, WAL, synchronous=NORMAL (its own), poll 1 ms, addMany in 1,000s, no results kept',
  },

  async open({ store, loaded }: ClientOptions): Promise<Client> {
    const database = new Database(path.join(store, 'plainjob.db'))
    const queue = defineQueue({ connection: better(database), logger: silent })

    return {
      bulk: { jobs: 1000, inFlight: 1 },
      enqueue: (input) => queue.add('send', input),
      enqueueMany: async (inputs, delayMs) => {
        queue.addMany('send', inputs as Input[], delayMs === undefined ? {} : { delay: delayMs })
      },
      worker: (handler) => plainjobWorker(queue, handler, loaded),
      succeeded: async () => queue.countJobs({ status: done }),
      close: async () => queue.close(),
    }
  },
}

function plainjobWorker(queue: Queue, handler: Handler, loaded: boolean): Worker {
  let completed = 0
  const listeners = {
    onCompleted: () => {
      completed += 1
    },
    onFailed: (job: { data: string }) => {
      queue.add('send', { ...(JSON.parse(job.data) as Input), fails: false })
    },
  }
  const worker = defineWorker('send', async (job) => void handler(JSON.parse(job.data) as Input, true), {
    queue,
    logger: silent,
    pollIntervall: 1,
    ...(loaded ? listeners : {}),
  })
  let running: Promise<void> | undefined

  return {
    start: async () => {
      running = worker.start()
    },
    stop: async () => {
      await worker.stop()
      await running
    },
  }
}

function nothing(): void {}
