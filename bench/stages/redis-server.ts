/** What a job costs the Redis server, by its own account: the time of its processor, and its memory. */
import { Redis } from 'ioredis'
import type { Assignment } from '../assignment.ts'
import { loadSide } from '../sides/side.ts'
import { drain } from './drain.ts'
import { enqueueMany } from './enqueue.ts'
import { fillStore } from './fill.ts'

/** Microseconds a job of the server's processor time for `enqueueMany`. */
export function serverEnqueue(assignment: Assignment): Promise<number> {
  return serverTime(assignment, enqueueMany)
}

/** Microseconds a job of the server's processor time for a drain by one worker: claiming, settling, keeping results. */
export function serverRun(assignment: Assignment): Promise<number> {
  return serverTime(assignment, drain)
}

/** Bytes by which the server's memory grows with each waiting job. */
export async function serverBytes({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const { open } = await loadSide(side)
  // What an empty queue takes, such as scripts, is not the jobs'.
  await (await open({ store, loaded })).close()
  const before = await numbers(store, 'memory')

  const client = await open({ store, loaded })
  await fillStore(client, jobs, loaded)
  await client.close()
  const after = await numbers(store, 'memory')

  return (after('used_memory') - before('used_memory')) / jobs
}

async function serverTime(assignment: Assignment, stage: (assignment: Assignment) => Promise<number>) {
  const before = await processorSeconds(assignment.store)
  await stage(assignment)
  const after = await processorSeconds(assignment.store)

  return ((after - before) / assignment.jobs) * 1e6
}

async function processorSeconds(url: string): Promise<number> {
  const value = await numbers(url, 'cpu')

  return value('used_cpu_user') + value('used_cpu_sys')
}

/** Reads a section of INFO over a connection that is gone again. */
async function numbers(url: string, section: string): Promise<(name: string) => number> {
  const redis = new Redis(url)
  const text = await redis.info(section)
  redis.disconnect()

  return (name) => Number(new RegExp(`^${name}:(.+)$`, 'm').exec(text)?.[1])
}
