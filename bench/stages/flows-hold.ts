/** What a join of many costs at once, and what workflows leave in a worker. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Redis } from 'ioredis'
import type { Assignment } from '../assignment.ts'
import { growth } from './backlog.ts'
import { withFlows } from './flows.ts'

/** Milliseconds of the event loop's longest hold in the worker that runs them. */
export async function holdFlows(assignment: Assignment): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await withFlows(assignment, async (worker, ended) => {
    delay.enable()
    await worker.start()
    await ended
    await worker.stop()
    delay.disable()
  })

  return delay.max / 1e6
}

/** Milliseconds of the longest command of the Redis server meanwhile. */
export async function serverHoldFlows(assignment: Assignment): Promise<number> {
  const redis = new Redis(assignment.store)
  await redis.config('SET', 'slowlog-log-slower-than', '500')
  await redis.config('SET', 'slowlog-max-len', '100000')
  await redis.slowlog('RESET')

  await withFlows(assignment, async (worker, ended) => {
    await worker.start()
    await ended
    await worker.stop()
  })
  const slow = (await redis.slowlog('GET', 100_000)) as [number, number, number][]
  redis.disconnect()

  return Math.max(0.5, ...slow.map(([, , us]) => us / 1000))
}

/** MiB by which a worker's process grows while it runs them. */
export async function growFlows(assignment: Assignment): Promise<number> {
  let grown = NaN
  await withFlows(assignment, async (worker, ended) => {
    grown = await growth(async () => {
      await worker.start()
      await ended
    })
    await worker.stop()
  })

  return grown
}
