import type { Assignment } from '../assignment.ts'
import { type Client, loadEngine } from '../engines/engine.ts'
import { type Input, inputs, monotonicMs, slices } from '../work.ts'

/** How many single calls are in flight together. */
const width = 1000

/** Jobs a second of `enqueueMany`, 1,000 a call, one call after the other. */
export function enqueueMany(assignment: Assignment): Promise<number> {
  return rate(assignment, (client, slice) => client.enqueueMany(slice))
}

/** Jobs a second of single calls, 1,000 of them at once, wave after wave. */
export function enqueueSingle(assignment: Assignment): Promise<number> {
  return rate(assignment, (client, slice) => Promise.all(slice.map((input) => client.enqueue(input))))
}

async function rate(assignment: Assignment, enqueue: (client: Client, slice: Input[]) => Promise<unknown>) {
  const { engine, store, jobs, loaded } = assignment
  const client = await (await loadEngine(engine)).open({ store, loaded })
  const waves = slices(inputs(jobs, loaded), width)

  const startedAt = monotonicMs()
  for (const wave of waves) await enqueue(client, wave)
  const tookMs = monotonicMs() - startedAt

  await client.close()

  return jobs / (tookMs / 1000)
}
