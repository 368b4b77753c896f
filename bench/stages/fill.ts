import type { Assignment } from '../assignment.ts'
import { type Client, loadSide } from '../sides/side.ts'
import { anInput } from '../work.ts'

/** Puts jobs into a store for the next stage. Measures nothing. */
export async function fill({ side, store, jobs, loaded, delayMs }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })

  await fillStore(client, jobs, loaded, delayMs)
  await client.close()

  return 0
}

/** In slices, so that a million inputs are never in memory together. */
export async function fillStore(client: Client, jobs: number, loaded: boolean, delayMs?: number): Promise<void> {
  for (let from = 0; from < jobs; from += 1000) {
    const slice = Array.from({ length: Math.min(1000, jobs - from) }, (_, at) => anInput(from + at, loaded))

    await client.enqueueMany(slice, delayMs)
  }
}
