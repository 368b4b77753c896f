import { Logger, makeWorkerUtils, run } from 'graphile-worker'
import { Pool } from 'pg'
import type { Handler, Input } from '../work.ts'
import type { Client, ClientOptions, Side, Worker } from './side.ts'

const silent = new Logger(() => () => {})

/** Its own word for batches that are told at the end of the event loop's turn. */
const atOnce = 0

/** Batches of its own make jobs start later: when a start is timed, they are off, as they are by default. */
const workerSettings = {
  throughput: { concurrentJobs: 100, localQueue: { size: 1000 }, completeJobBatchDelay: atOnce },
  latency: { concurrentJobs: 4 },
}

/** It deletes what has succeeded, so nothing is left to look at. */
export const graphileWorkerSide: Side = {
  settings: {
    postgres:
      'localQueue 1,000, concurrentJobs 100, completeJobBatchDelay 0, three addJobs of 1,000 at once, pool of 10, no results kept (latency: no local queue, concurrentJobs 4)',
  },

  async open({ store, loaded, tunedFor = 'throughput' }: ClientOptions): Promise<Client> {
    const utils = await makeWorkerUtils({ connectionString: store, maxPoolSize: 10, logger: silent })
    const pool = new Pool({ connectionString: store, max: 1 })
    const retry = loaded ? { maxAttempts: 2 } : {}
    await utils.migrate()

    return {
      bulk: { jobs: 1000, inFlight: 3 },
      enqueue: (input) => utils.addJob('send', input, retry),
      enqueueMany: async (inputs, delayMs) => {
        const runAt = delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) }

        await utils.addJobs(inputs.map((payload) => ({ identifier: 'send', payload, ...retry, ...runAt })))
      },
      worker: (handler) => graphileWorker(store, handler, loaded, tunedFor),
      succeeded: () => removed(pool),
      close: async () => {
        await utils.release()
        await pool.end()
      },
    }
  },
}

function graphileWorker(
  store: string,
  handler: Handler,
  loaded: boolean,
  tunedFor: keyof typeof workerSettings,
): Worker {
  const worker = { connectionString: store, maxPoolSize: 10, ...workerSettings[tunedFor] }
  const send = (payload: unknown, { job }: { job: { attempts: number } }) =>
    void handler(payload as Input, job.attempts === 1)
  let runner: { stop(): Promise<void> } | undefined
  let completed = 0

  return {
    start: async () => {
      const taskList = { send }
      const started = await run({
        preset: { worker: { ...worker, logger: silent } },
        taskList,
        noHandleSignals: true,
        crontab: '',
      })
      runner = started
      if (loaded) {
        started.events.on('job:success', () => {
          completed += 1
        })
      }
    },
    stop: async () => {
      await runner?.stop()
    },
  }
}

/** Those ever added, which its sequence knows, without those that are still there. */
async function removed(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ removed: string }>(
    `select coalesce(last_value, 0) - (select count(*) from graphile_worker._private_jobs) as removed
     from pg_sequences
     where format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence('graphile_worker._private_jobs', 'id')`,
  )

  return Number(rows[0]!.removed)
}
