import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Assignment } from '../assignment.ts'
import { loadSide } from '../sides/side.ts'
import { inputs, slices } from '../work.ts'
import { counting } from './drain.ts'
import { Tally } from './tally.ts'

/**
 * Milliseconds of the event loop's longest hold while a worker drains what is enqueued beside it:
 * half in one large call, half as 1,000 concurrent singles, wave after wave.
 *
 * The histogram measures from one tick of its 1 ms timer to the next, so that 1 ms is no hold at all.
 */
export async function hold({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const all = inputs(jobs, loaded)
  const large = all.slice(0, jobs / 2)
  const waves = slices(all.slice(jobs / 2), 1000)
  const drained = tally.more(jobs)
  const delay = monitorEventLoopDelay({ resolution: 1 })

  delay.enable()
  await worker.start()
  await client.enqueueMany(large)
  for (const wave of waves) await Promise.all(wave.map((input) => client.enqueue(input)))
  await drained
  delay.disable()

  await worker.stop()
  await client.close()

  return delay.max / 1e6
}
