/**
 * What the bench asks of a side, so that each figure is written once and measured alike for all.
 *
 * An adapter adds nothing of its own to the way of a job: it calls what its documentation
 * tells its users to call, at the best settings that were found.
 */
import type { EngineName, SideName } from './names.ts'
import type { Handler, Input } from '../work.ts'

export interface ClientOptions {
  /** A folder of its own for engines on files, the address of a store of its own for those on servers. */
  store: string
  /** One listener attached, and a retry for what fails. */
  loaded: boolean
  /** Some peers have to be set up for the one or for the other. */
  tunedFor?: 'throughput' | 'latency'
}

export interface Client {
  /** Adds one job. A promise only where the side has one. */
  enqueue(input: Input): unknown
  /** Adds jobs by one call. */
  enqueueMany(inputs: readonly Input[], delayMs?: number): Promise<void>
  /** How large calls of `enqueueMany` are, and how many at once, at their best. */
  readonly bulk: { readonly jobs: number; readonly inFlight: number }
  worker(handler: Handler): Worker
  /** How many jobs the store knows as succeeded. May be a moment old. */
  succeeded(): Promise<number>
  close(): Promise<void>
}

export interface Worker {
  start(): Promise<unknown>
  /** Resolves when everything that has run is recorded. */
  stop(): Promise<unknown>
}

export interface Side {
  /** By the engine it runs on. */
  readonly settings: Partial<Record<EngineName, string>>
  readonly open: (options: ClientOptions) => Promise<Client>
}

/** Loaded on demand: no side of a pair pays for another's packages. */
export async function loadSide(name: SideName): Promise<Side> {
  switch (name) {
    case 'errand':
      return (await import('./errand.ts')).errandSide
    case 'plainjob':
      return (await import('./plainjob.ts')).plainjobSide
    case 'bullmq':
      return (await import('./bullmq.ts')).bullmqSide
    case 'graphile-worker':
      return (await import('./graphile-worker.ts')).graphileWorkerSide
    case 'pg-boss':
      return (await import('./pg-boss.ts')).pgBossSide
    case 'celery':
    case 'rq':
      throw new Error(`${name} runs in Python: its stages are in bench/python.`)
  }
}
