/**
 * What happens, told in this process: the story of a job's life and of its worker.
 *
 * The runtime tells and never logs; loggers, metrics and pages listen. Nothing is made
 * for an event that nobody listens to. A listener that throws is reported as `error`. What a
 * task redacts is masked; its errors are then `JobFailedError`s that say what was kept.
 */
import type { Claim, Inspection } from '../store/store.ts'

/** One run of one job. */
export interface JobRun {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly attempt: number
}

/** What `errand.on` can hear, and what each listener is given. Times that end in `Ms` are milliseconds. */
export interface Events {
  enqueued: { readonly id: string; readonly task: string; readonly queue: string }
  started: JobRun
  succeeded: JobRun & { readonly ranMs: number; readonly input: unknown; readonly result: unknown }
  /** The attempt threw, and another will follow after `delayMs`. */
  retrying: JobRun & { readonly ranMs: number; readonly error: unknown; readonly delayMs: number }
  failed: JobRun & { readonly ranMs: number; readonly error: unknown; readonly input: unknown }
  cancelled: JobRun & { readonly ranMs: number }
  /** Handed back without counting an attempt: not started in time, its task unknown here, the worker stopping, or the store silent for most of a lease. */
  'given back': JobRun & { readonly why: 'late' | 'unknown task' | 'stopping' | 'lost' }
  /** The handler goes on although its timeout is over, and keeps its slot. */
  zombie: JobRun
  /** What a run did here was refused, because the job had been given to another worker: it may have run twice. */
  stale: { readonly claim: Claim }

  'worker started': { readonly worker: string; readonly incarnation: string; readonly queues: readonly string[] }
  'worker stopped': { readonly worker: string }
  /** The worker was silent for longer than its lease, or its store has lost its data: it begins a new life. */
  'worker gone': { readonly worker: string; readonly running: number }
  /** The jobs of silent workers were taken back. */
  rescued: { readonly jobs: number }

  /** The store does not answer a worker, its upkeep or the beat of this process, or refuses them. They go on trying; `error` tells each try. */
  'store away': { readonly error: unknown; readonly during: string }
  /** It answers all of them again. */
  'store back': { readonly awayMs: number }

  /** What the store says of its settings and health that is not good, when the first worker starts: what `errand doctor` would say. */
  'store finding': Inspection

  /** Something failed that no caller could be told: a listener, a turn of a worker, upkeep. It is tried again. */
  error: { readonly error: unknown; readonly during: string }
}

export type EventName = keyof Events
export type Listener<Name extends EventName> = (event: Events[Name]) => unknown
