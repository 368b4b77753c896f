/** Schedules as they are kept, and their ticks. Part of the store contract; import it from store.ts. */
import type { NewJob } from './jobs.ts'

export interface ScheduleRecord {
  readonly name: string
  /** The runtime's own description, opaque to engines. */
  readonly rule: string
  readonly nextAt: number | null
  readonly paused: boolean
  readonly lastJob?: string
  /** When a live process last declared it. */
  readonly declaredAt: number
}

export interface DueSchedules {
  readonly now: number
  readonly due: readonly ScheduleRecord[]
  readonly nextDueMs?: number
  /**
   * Which life of the store this is: another one once it has lost its data or was made anew, so that what was declared is declared
   * again. Left out where data cannot go from under a process.
   */
  readonly life?: string
}

export interface SchedulePage {
  readonly schedules: readonly ScheduleRecord[]
  /** Where the next page begins; left out on the last. */
  readonly cursor?: string
}

export interface ScheduleStore {
  /** Adds or updates by name. The next time of one that is there and fires at the same times is left alone. */
  put(schedules: readonly NewSchedule[]): Promise<void>
  pause(name: string, paused: boolean): Promise<boolean>
  remove(names: readonly string[]): Promise<number>
  /** By name, in the order asked; undefined for one that is not there. */
  get(names: readonly string[]): Promise<(ScheduleRecord | undefined)[]>
  /** All of them, page by page, in no order. One that is there all the while comes at least once. */
  list(cursor?: string): Promise<SchedulePage>
  /**
   * Those whose time has come and that are not paused, earliest first, the time it is by the store's clock, and how long
   * until the next falls due. Costs as much as it gives.
   */
  due(limit: number): Promise<DueSchedules>
  /**
   * Compares `at` with the schedule's next time, moves it on and inserts the job: one step, so a tick fires at most once.
   * `refused`: its job was, by the rules of `insert`, and nothing has changed.
   */
  fire(ticks: readonly Tick[]): Promise<TickAnswer[]>
}

export interface NewSchedule {
  readonly name: string
  readonly rule: string
  /** The beginning of `rule` that says when it fires: a known rule that begins with it fires at the same times. Without it only the same rule does. */
  readonly when?: string
  readonly nextAt: number | null
}

export type TickAnswer = 'fired' | 'stale' | 'refused'

export interface Tick {
  readonly name: string
  readonly at: number
  readonly nextAt: number | null
  /** Left out where this tick is skipped. */
  readonly job?: NewJob
}
