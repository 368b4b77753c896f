import { Pool } from 'pg'
import { PgBoss } from 'pg-boss'
import type { Handler, Input } from '../work.ts'
import type { Client, ClientOptions, Side, Worker } from './side.ts'

const queue = 'send'

const workerSettings = {
  throughput: { batchSize: 1000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  latency: { batchSize: 1, localConcurrency: 2, pollingIntervalSeconds: 0.5 },
}

/** A batch has one outcome: where a job fails, the rest of its batch is run again with it. */
export const pgBossSide: Side = {
  settings: {
    postgres:
      'batchSize 1,000, localConcurrency 2, burstWhenBatchFull, three insert of 5,000 at once, pool of 10, rows kept without results of single jobs (latency: NOTIFY, batchSize 1)',
  },

  async open({ store, tunedFor = 'throughput' }: ClientOptions): Promise<Client> {
    const notify = tunedFor === 'latency'
    const boss = new PgBoss({ connectionString: store, max: 10, useListenNotify: notify, schedule: false })
    const pool = new Pool({ connectionString: store, max: 1 })
    boss.on('error', (error) => console.error(error))
    await boss.start()
    await boss.createQueue(queue, { notify })

    return {
      bulk: { jobs: 5000, inFlight: 3 },
      enqueue: (input) => boss.send(queue, input),
      enqueueMany: async (inputs, delayMs) => {
        const later = delayMs === undefined ? {} : { startAfter: Math.ceil(delayMs / 1000) }

        await boss.insert(
          queue,
          inputs.map((data) => ({ data, ...later })),
        )
      },
      worker: (handler) => pgBossWorker(boss, handler, tunedFor),
      succeeded: () => completed(pool),
      close: async () => {
        await boss.stop({ graceful: false })
        await pool.end()
      },
    }
  },
}

function pgBossWorker(boss: PgBoss, handler: Handler, tunedFor: keyof typeof workerSettings): Worker {
  return {
    start: () =>
      boss.work<Input>(queue, workerSettings[tunedFor], async (jobs) => {
        for (const { data } of jobs) handler(data, true)
      }),
    stop: () => boss.offWork(queue, { wait: true }),
  }
}

async function completed(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ completed: string }>(
    `select count(*) as completed from pgboss.job where state = 'completed'`,
  )

  return Number(rows[0]!.completed)
}
