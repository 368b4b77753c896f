/** What one child process is told to do, and how it and the process that started it talk. */
import type { FlowShape } from './flow-shape.ts'
import type { SideName } from './sides/names.ts'

export const stageNames = [
  'fill',
  'drain',
  'drain-by',
  'crew',
  'enqueue-many',
  'enqueue-single',
  'together',
  'consume',
  'produce',
  'latency',
  'latency-p99',
  'latency-across',
  'latency-across-p99',
  'trickle',
  'idle',
  'hold',
  'claims',
  'pinned',
  'memory',
  'server-enqueue',
  'server-run',
  'server-bytes',
  'send-flows',
  'run-flows',
  'hold-flows',
  'server-hold-flows',
  'grow-flows',
  'hold-schedules',
  'tick-cost',
  'tick-lateness',
  'tick-growth',
  'fill-keys',
  'drain-keys',
  'tenant-wait',
] as const
export type StageName = (typeof stageNames)[number]

export type LimitKind = 'none' | 'concurrency' | 'rate'

export interface Assignment {
  stage: StageName
  side: SideName
  /** A folder for engines on files, an address for those on servers. */
  store: string
  jobs: number
  loaded: boolean
  /** For jobs that are not to run during the measurement. */
  delayMs?: number
  /** Over how many processes the work goes, where a stage starts several. */
  workers?: number
  /** What the jobs are made into. */
  flow?: FlowShape
  /** Over how many keys the jobs go, and what each of them may take. */
  keys?: number
  limits?: LimitKind
  /** How many jobs of another tenant wait beside those of the small one. */
  flood?: number
}

/** A child's side of the talk. */
export interface Parent {
  note(value: number): void
  /** Resolves at the next word from the parent. */
  word(): Promise<void>
}

export type Stage = (assignment: Assignment, parent: Parent) => Promise<number>

/** What a child sends. */
export type Message = { note: number } | { answer: number } | { failure: string }
