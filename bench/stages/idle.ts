import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment } from '../assignment.ts'
import { loadSide } from '../sides/side.ts'
import { counting } from './drain.ts'
import { fillStore } from './fill.ts'
import { Tally } from './tally.ts'

const settleMs = 2000
const windowMs = 6000

/** Percent of one core that a worker uses which has had work and has none now. */
export async function idle({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const done = tally.more(jobs)
  await worker.start()
  await fillStore(client, jobs, loaded)
  await done

  await sleep(settleMs)
  const before = process.cpuUsage()
  await sleep(windowMs)
  const { user, system } = process.cpuUsage(before)

  await worker.stop()
  await client.close()

  return ((user + system) / 1000 / windowMs) * 100
}
