import type { EngineName, PeerName } from '../sides/names.ts'
import { atMost, beside, errandOn, type Figure, type Sizes, type Step } from './figure.ts'

const inOneProcess = 'idle, from enqueue to start, in one process'
const acrossTwo = 'idle, from enqueue to start, across two processes'

const measured = [
  { name: 'latency.p50', stage: 'latency', says: `${inOneProcess}, p50` },
  { name: 'latency.p99', stage: 'latency-p99', says: `${inOneProcess}, p99` },
  { name: 'latency.across.p50', stage: 'latency-across', says: `${acrossTwo}, p50` },
  { name: 'latency.across.p99', stage: 'latency-across-p99', says: `${acrossTwo}, p99` },
] as const

/** How long an enqueued job waits for a worker that has nothing else to do: no slower than any peer on the same server. */
export function startDelays(engine: EngineName, sizes: Sizes, peers: readonly PeerName[]): Figure[] {
  return measured.map(({ name, stage, says }) => {
    const steps: Step[] = [{ stage, jobs: sizes.latency }]
    const ours = errandOn(engine, steps)

    return {
      engine,
      name,
      says,
      unit: 'ms',
      loaded: false,
      ours,
      beside: peers.map((side) => beside(side, steps, atMost(1))),
    }
  })
}
