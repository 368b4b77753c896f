/** A worker as readers see it. */
import { withinReach } from '../duration.ts'
import type { WorkerRecord } from '../store/store.ts'

/** A worker that has joined and not left: believed alive while `leaseLeftMs` is above 0. */
export interface WorkerInfo {
  /** As it was given, else the host and process id. Not unique. */
  readonly name: string
  /** Its life: another one for each start, and after each silence that was longer than its lease. */
  readonly incarnation: string
  readonly host: string
  readonly pid: number
  /** The queues it serves. */
  readonly queues: readonly string[]
  /** The tasks it has handlers for. */
  readonly tasks: readonly string[]
  /** Jobs it can run at once, in all its queues together. */
  readonly slots: number
  /** Jobs it holds: running, or about to. */
  readonly running: number
  readonly startedAt: Date
  /** For so many milliseconds it is believed alive without a sign. */
  readonly leaseMs: number
  /** Milliseconds until it is believed dead, unless it gives a sign before. */
  readonly leaseLeftMs: number
}

export const workerInfo = (record: WorkerRecord): WorkerInfo => ({
  ...record,
  startedAt: new Date(withinReach(record.startedAt)),
})
