/** What one child process is told to do, and how it and the process that started it talk. */
import type { EngineName } from './engines/engine.ts'

export const stageNames = [
  'fill',
  'drain',
  'enqueue-many',
  'enqueue-single',
  'together',
  'consume',
  'produce',
  'latency',
  'latency-across',
  'trickle',
  'idle',
  'hold',
  'claims',
  'memory',
] as const
export type StageName = (typeof stageNames)[number]

export interface Assignment {
  stage: StageName
  engine: EngineName
  /** A folder for engines on files, an address for those on Redis. */
  store: string
  jobs: number
  loaded: boolean
  /** For jobs that are not to run during the measurement. */
  delayMs?: number
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
