import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment } from '../assignment.ts'
import { type Client, loadSide } from '../sides/side.ts'
import { type Handler, monotonicMs, work } from '../work.ts'
import { Tally } from './tally.ts'

/**
 * Jobs a second of one worker on a full store, from its start until all outcomes are recorded:
 * stopping is part of it, since no engine calls a job done before that.
 */
export async function drain({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded })
  const tally = new Tally()
  const worker = client.worker(counting(tally, loaded))
  const drained = tally.more(jobs)
  const before = await client.succeeded()

  const startedAt = monotonicMs()
  await worker.start()
  await drained
  await worker.stop()
  const tookMs = monotonicMs() - startedAt

  await assertSucceeded(client, before + jobs)
  await client.close()

  return jobs / (tookMs / 1000)
}

/** The handler of all figures; a run that throws is not counted, its retry is. */
export function counting(tally: Tally, loaded: boolean): Handler {
  return (input, first) => {
    const result = work(input, first, loaded)
    tally.add()

    return result
  }
}

/** What was counted in this process must also be what the store says, as soon as its counters are up to date. */
export async function assertSucceeded(client: Pick<Client, 'succeeded'>, jobs: number): Promise<void> {
  const giveUpAt = monotonicMs() + 5000
  let succeeded = await client.succeeded()

  while (succeeded !== jobs && monotonicMs() < giveUpAt) {
    await sleep(100)
    succeeded = await client.succeeded()
  }
  assert.equal(succeeded, jobs, 'The store does not know as many succeeded jobs as were run')
}
