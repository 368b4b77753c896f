/** What a figure is: who is measured beside whom, by which steps, and what was promised. */
import type { Assignment } from '../assignment.ts'
import { type EngineName, homes, type PeerName, type SideName } from '../sides/names.ts'

/** What a store holds before a turn, besides what the turn is about. */
export type Backlog = 'none' | '100k-waiting' | 'waiting' | 'finished' | 'delayed' | 'schedules'

export type Step = Omit<Assignment, 'side' | 'store' | 'loaded' | 'delayMs'>

/** One side of a comparison. Its steps run in processes of their own, on one store; the last one's answer counts. */
export interface Contender {
  label: string
  side: SideName
  engine: EngineName
  backlog: Backlog
  steps: readonly Step[]
}

export interface Target {
  bound: 'at least' | 'at most'
  value: number
}

export interface Beside {
  contender: Contender
  /** The promise about our figure divided by this one's. */
  ratio?: Target
}

export interface Figure {
  /** What Errand runs on. */
  engine: EngineName
  name: string
  /** A sentence for the table. */
  says: string
  unit: 'jobs/s' | 'steps/s' | 'ms' | 'us/job' | 'us/tick' | 'bytes/job' | 'MiB' | '% of a core'
  loaded: boolean
  ours: Contender
  /** A promise about our own figure. */
  limit?: Target
  beside: readonly Beside[]
}

/** How many jobs a stage gets. */
export interface Sizes {
  drain: number
  single: number
  many: number
  together: number
  latency: number
  hold: number
  rounds: number
  memory: number
  backlog: number
  /** For peers that would take minutes with as many as the others. */
  slowDrain: number
  slowEnqueue: number
  chain: number
  chains: number
  chord: number
  graphs: number
  /** Steps a worker runs while its memory is watched. */
  flowMemory: number
  schedules: number
  ticks: number
  keys: number
  tenant: number
}

export const fullSizes: Sizes = {
  drain: 100_000,
  single: 100_000,
  many: 200_000,
  together: 200_000,
  latency: 500,
  hold: 100_000,
  rounds: 100,
  memory: 100_000,
  backlog: 1_000_000,
  slowDrain: 5000,
  slowEnqueue: 10_000,
  chain: 1000,
  chains: 10_000,
  chord: 10_000,
  graphs: 1000,
  flowMemory: 90_000,
  schedules: 100_000,
  ticks: 2000,
  keys: 10_000,
  tenant: 500,
}

export const quickSizes: Sizes = {
  ...fullSizes,
  drain: 30_000,
  single: 30_000,
  many: 50_000,
  together: 60_000,
  latency: 100,
  hold: 50_000,
  rounds: 30,
  memory: 50_000,
  slowDrain: 1000,
  slowEnqueue: 3000,
  chain: 300,
  chains: 3000,
  graphs: 300,
  flowMemory: 45_000,
  schedules: 100_000,
  ticks: 1000,
  tenant: 200,
}

export function errandOn(engine: EngineName, steps: readonly Step[], backlog: Backlog = 'none'): Contender {
  return { label: 'errand', side: 'errand', engine, backlog, steps }
}

export function peer(side: PeerName, steps: readonly Step[]): Contender {
  return { label: side, side, engine: homes[side], backlog: 'none', steps }
}

export function beside(side: PeerName, steps: readonly Step[], ratio?: Target): Beside {
  return { contender: peer(side, steps), ...(ratio && { ratio }) }
}

export function drained(jobs: number): readonly Step[] {
  return [
    { stage: 'fill', jobs },
    { stage: 'drain', jobs },
  ]
}

export function drainedBy(workers: number, jobs: number): readonly Step[] {
  return [
    { stage: 'fill', jobs },
    { stage: 'drain-by', jobs, workers },
  ]
}

export function atLeast(value: number): Target {
  return { bound: 'at least', value }
}

export function atMost(value: number): Target {
  return { bound: 'at most', value }
}
