/** What a worker can be told, and what it does when told nothing. */
import { durationMs, type Duration } from '../duration.ts'
import { InvalidOptionError } from '../errors.ts'
import { checkOptions, checkQueue } from '../options.ts'
import type { Awaitable } from '../task/stored.ts'

/** What a worker can be told. All of it may be left out. */
export interface WorkerOptions {
  /** For people; need not be unique. @default the host and process id */
  name?: string
  /**
   * `{ email: 8, default: 4 }`: each queue with slots of its own. `['high', 'default']`: strict order, sharing
   * `concurrency` slots. @default the queues of the tasks handled here, taking turns, sharing `concurrency` slots
   */
  queues?: string | readonly string[] | Readonly<Record<string, number>>
  /** Jobs run at once, where queues have no slots of their own. @default 10 */
  concurrency?: number
  /** How long the worker is believed alive without a sign. @default '8s' */
  lease?: Duration
  /** How long `stop` lets running jobs finish. @default '30s' */
  grace?: Duration
  /** Ends by itself when its queues have nothing ready. @default false */
  burst?: boolean
  /** Fires schedules too. Any number of workers may: each tick fires once. @default true */
  beat?: boolean
  /** Opens what handlers need, before the first job. */
  onStart?: () => Awaitable<void>
  /** Closes it, after the last job. */
  onStop?: () => Awaitable<void>
}

/** What holds where `WorkerOptions` say nothing. */
export const workerDefaults = { concurrency: 10, lease: '8s', grace: '30s', burst: false, beat: true } as const

/** Queues that share slots. */
export interface SlotGroup {
  readonly queues: readonly string[]
  readonly slots: number
  /** The queues take turns at being first, instead of keeping their order. */
  readonly rotate: boolean
}

export interface ResolvedWorkerOptions {
  readonly name: string
  readonly groups: readonly SlotGroup[]
  readonly leaseMs: number
  readonly graceMs: number
  readonly burst: boolean
  readonly onStart: (() => Awaitable<void>) | undefined
  readonly onStop: (() => Awaitable<void>) | undefined
}

const optionNames = [
  'name',
  'queues',
  'concurrency',
  'lease',
  'grace',
  'burst',
  'beat',
  'onStart',
  'onStop',
] as const satisfies readonly (keyof WorkerOptions)[]

function checkSlots(slots: unknown, where: string): number {
  if (typeof slots !== 'number' || !Number.isInteger(slots) || slots < 1) {
    throw new InvalidOptionError(where, slots, 'a whole number of at least 1')
  }
  return slots
}

function groupsOf(queues: WorkerOptions['queues'], concurrency: number, own: readonly string[]): SlotGroup[] {
  if (queues === undefined) return [{ queues: own, slots: concurrency, rotate: true }]
  if (typeof queues === 'string') return [{ queues: [queues], slots: concurrency, rotate: false }]
  if (Array.isArray(queues)) return [{ queues, slots: concurrency, rotate: false }]

  return Object.entries(queues).map(([queue, slots]) => ({
    queues: [queue],
    slots: checkSlots(slots, `the slots of queue "${queue}"`),
    rotate: false,
  }))
}

/**
 * Resolves a worker's options. `own` are the queues of the tasks that this process handles.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function resolveWorkerOptions(
  options: WorkerOptions,
  own: readonly string[],
  defaultName: string,
): ResolvedWorkerOptions {
  checkOptions(options, optionNames, 'the options of a worker')
  const { concurrency, lease, grace, burst } = { ...workerDefaults, ...options }
  const groups = groupsOf(options.queues, checkSlots(concurrency, '`concurrency`'), own)
  const leaseMs = durationMs(lease, '`lease`')

  if (groups.length === 0 || groups.some(({ queues }) => queues.length === 0)) {
    throw new InvalidOptionError('`queues`', options.queues ?? [], 'at least one queue')
  }
  for (const queue of groups.flatMap(({ queues }) => queues)) checkQueue(queue, 'a queue of the worker')
  if (leaseMs < 1000) throw new InvalidOptionError('`lease`', lease, "at least '1s'")

  return {
    name: options.name ?? defaultName,
    groups,
    leaseMs,
    graceMs: durationMs(grace, '`grace`'),
    burst,
    onStart: options.onStart,
    onStop: options.onStop,
  }
}
