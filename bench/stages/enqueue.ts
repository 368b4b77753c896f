import type { Assignment } from '../assignment.ts'
import { type Client, loadSide } from '../sides/side.ts'
import { inputs, monotonicMs, slices } from '../work.ts'

/** How many single calls are in flight together. */
const width = 1000

/** Jobs a second of `enqueueMany`, in calls as large and as many at once as the side is best at. */
export async function enqueueMany({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const calls = slices(inputs(jobs, loaded), client.bulk.jobs).values()
  const one = async () => {
    for (const call of calls) await client.enqueueMany(call)
  }

  return rate(client, jobs, () => Promise.all(Array.from({ length: client.bulk.inFlight }, one)))
}

/** Jobs a second of single calls, 1,000 of them at once, wave after wave. */
export async function enqueueSingle({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const waves = slices(inputs(jobs, loaded), width)

  return rate(client, jobs, async () => {
    for (const wave of waves) await Promise.all(wave.map((input) => client.enqueue(input)))
  })
}

async function rate(client: Client, jobs: number, enqueue: () => Promise<unknown>): Promise<number> {
  const startedAt = monotonicMs()
  await enqueue()
  const tookMs = monotonicMs() - startedAt

  await client.close()

  return jobs / (tookMs / 1000)
}
