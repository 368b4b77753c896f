import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment } from '../assignment.ts'
import { startChild } from '../child.ts'
import { type Client, loadSide } from '../sides/side.ts'
import { median, percentile } from '../order.ts'
import { anInput, type Handler, monotonicMs, work } from '../work.ts'
import { Tally } from './tally.ts'

/** What the first jobs cost more, until the code is compiled, is not the figure. */
const warmUp = 30

/** Median milliseconds from the call of `enqueue` to the handler's first line, in one process that is otherwise idle. */
export async function latency(assignment: Assignment): Promise<number> {
  return median(await startDelays(assignment))
}

/** The same, of the slowest hundredth the fastest. */
export async function latencyP99(assignment: Assignment): Promise<number> {
  return percentile(await startDelays(assignment), 99)
}

/** Median milliseconds, the call and the handler in two processes. */
export async function latencyAcross(assignment: Assignment): Promise<number> {
  return median(await startDelaysAcross(assignment))
}

export async function latencyAcrossP99(assignment: Assignment): Promise<number> {
  return percentile(await startDelaysAcross(assignment), 99)
}

async function startDelays({ side, store, jobs, loaded }: Assignment): Promise<number[]> {
  const client = await (await loadSide(side)).open({ store, loaded, tunedFor: 'latency' })
  const clock = startClock()
  const worker = client.worker(clock.handler)
  await worker.start()

  for (let number = 0; number < jobs + warmUp; number += 1) {
    const started = clock.tally.more(1)
    await enqueueOne(client, number)
    await started
  }

  await worker.stop()
  await client.close()

  return clock.samples.slice(warmUp)
}

async function startDelaysAcross(assignment: Assignment): Promise<number[]> {
  const client = await (await loadSide(assignment.side)).open({ ...assignment, tunedFor: 'latency' })
  const clock = startClock()
  const worker = client.worker(clock.handler)
  const all = clock.tally.more(assignment.jobs + warmUp)
  await worker.start()

  const producer = startChild({ ...assignment, stage: 'trickle', jobs: assignment.jobs + warmUp })
  await producer.answer
  await all
  await worker.stop()
  await client.close()

  return clock.samples.slice(warmUp)
}

/** One job at a time, with rests. */
export async function trickle({ side, store, jobs, loaded }: Assignment): Promise<number> {
  const client = await (await loadSide(side)).open({ store, loaded, tunedFor: 'latency' })

  for (let number = 0; number < jobs; number += 1) await enqueueOne(client, number)
  await client.close()

  return jobs
}

function startClock(): { samples: number[]; tally: Tally; handler: Handler } {
  const samples: number[] = []
  const tally = new Tally()
  const handler: Handler = (input, first) => {
    samples.push(monotonicMs() - input.sentAt)
    tally.add()

    return work(input, first, false)
  }

  return { samples, tally, handler }
}

/** After a rest of uneven length, so that the worker sleeps, and no poll falls into step with the calls. */
async function enqueueOne(client: Client, number: number): Promise<void> {
  await sleep(8 + Math.random() * 8)
  await client.enqueue({ ...anInput(number), sentAt: monotonicMs() })
}
