import assert from 'node:assert/strict'
import type { Assignment } from '../assignment.ts'
import { type FlowHandler, type FlowShape, flowWork, stepsOf } from '../flow-shape.ts'
import { type FlowClient, loadFlows } from '../sides/flow-side.ts'
import type { Worker } from '../sides/side.ts'
import { monotonicMs } from '../work.ts'
import { Tally } from './tally.ts'

/** Brings workflows into a store for the next stage. `jobs` is the number of steps in all. Measures nothing. */
export async function sendFlows({ side, store, jobs, flow }: Assignment): Promise<number> {
  const client = await (await loadFlows(side))(store)
  await client.send(flow!, jobs / stepsOf(flow!))
  await client.close()

  return 0
}

/** Steps a second of one worker, from its start until all are recorded. */
export async function runFlows(assignment: Assignment): Promise<number> {
  let tookMs = NaN
  await withFlows(assignment, async (worker, ended) => {
    const startedAt = monotonicMs()
    await worker.start()
    await ended
    await worker.stop()
    tookMs = monotonicMs() - startedAt
  })

  return assignment.jobs / (tookMs / 1000)
}

/** `run` has the worker run everything, to the end of its `stop`. */
export async function withFlows(
  { side, store, jobs, flow }: Assignment,
  run: (worker: Worker, ended: Promise<void>, client: FlowClient) => Promise<void>,
): Promise<void> {
  const client = await (await loadFlows(side))(store)
  const tally = new Tally()
  const whole = new Tally()
  const ended = tally.more(jobs)

  await run(client.worker(counting(tally, whole, flow!)), ended, client)
  await client.close()

  assert.equal(tally.count, jobs, 'Steps were run again')
  assert.equal(whole.count, jobs / stepsOf(flow!), 'Not every workflow came to its end with all results')
}

function counting(tally: Tally, whole: Tally, shape: FlowShape): FlowHandler {
  const steps = stepsOf(shape)

  return (before) => {
    const result = flowWork(before)
    if (result.sent === steps) whole.add()
    tally.add()

    return result
  }
}
