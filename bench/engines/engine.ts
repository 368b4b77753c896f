/**
 * What the bench asks of an engine, so that each figure is written once and measured alike for all.
 *
 * An adapter adds nothing of its own to the way of a job: it calls what the engine's documentation
 * tells its users to call, at the best settings that were found.
 */
import type { Handler, Input } from '../work.ts'

export const engineNames = ['errand', 'plainjob', 'bullmq'] as const
export type EngineName = (typeof engineNames)[number]

export interface ClientOptions {
  /** A folder of this run's own for engines on files, the server's address for those on Redis. */
  store: string
  /** One listener attached, and a retry for what fails. */
  loaded: boolean
}

export interface Client {
  /** Adds one job. A promise only where the engine has one. */
  enqueue(input: Input): unknown
  /** Adds jobs in as few calls as the engine's best settings have it. */
  enqueueMany(inputs: readonly Input[], delayMs?: number): Promise<void>
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

export interface Engine {
  readonly settings: string
  open(options: ClientOptions): Promise<Client>
}

/** Loaded on demand: no side of a pair pays for another's packages. */
export async function loadEngine(name: EngineName): Promise<Engine> {
  switch (name) {
    case 'errand':
      return (await import('./errand.ts')).errandEngine
    case 'plainjob':
      return (await import('./plainjob.ts')).plainjobEngine
    case 'bullmq':
      return (await import('./bullmq.ts')).bullmqEngine
  }
}
