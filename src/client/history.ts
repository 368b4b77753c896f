/** What a job has been through, as readers see it: its attempts that threw, and its log. */
import { withinReach } from '../duration.ts'
import type { JobError, LogLevel, StoredLine } from '../job.ts'
import type { AttemptRecord } from '../store/store.ts'

/** One attempt that threw. */
export interface AttemptInfo {
  /** 1 the first time. */
  readonly attempt: number
  /** When it ended. */
  readonly at: Date
  readonly error: JobError
}

/** One line of a job's log. */
export interface LogLine {
  /** By the clock of the worker that ran the job. */
  readonly at: Date
  readonly level: LogLevel
  readonly message: string
  /** Plain JSON. */
  readonly data?: unknown
}

export const attemptInfo = (record: AttemptRecord): AttemptInfo => ({
  ...record,
  at: new Date(withinReach(record.at)),
})

export const logLine = (line: StoredLine): LogLine => ({ ...line, at: new Date(withinReach(line.at)) })
