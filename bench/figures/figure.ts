/** What a figure is: who is measured beside whom, by which steps, and what was promised. */
import type { StageName } from '../assignment.ts'
import { type EngineName, homes, type PeerName, type SideName } from '../sides/names.ts'

/** What a store holds before a turn, besides what the turn is about. */
export type Backlog = 'none' | '100k-waiting' | 'waiting' | 'finished' | 'delayed'

export interface Step {
  stage: StageName
  jobs: number
  workers?: number
}

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
  unit: 'jobs/s' | 'ms' | 'us/job' | 'bytes/job' | 'MiB' | '% of a core'
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
