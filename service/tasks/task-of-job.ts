/**
 * Where errand's words meet the API's: a job is a "task" here, and its states have the API's names. Nothing else in
 * the service translates between the two.
 */
import type { JobInfo, JobState, Progress } from 'errand'

export const taskStatuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const
export type TaskStatus = (typeof taskStatuses)[number]

export const taskTypes = ['email', 'data_processing', 'report_generation', 'file_processing'] as const
export type TaskType = (typeof taskTypes)[number]

const statuses: Record<JobState, TaskStatus> = {
  scheduled: 'pending',
  blocked: 'pending',
  ready: 'pending',
  running: 'running',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'failed',
}

export const isFinalStatus = (status: string) => status === 'completed' || status === 'failed' || status === 'cancelled'

const cancelledByUser = 'Cancelled by user'

/** What a job says about its task's record. */
export interface TaskChange {
  readonly status: TaskStatus
  readonly progress: number
  /** JSON. */
  readonly result: string | null
  readonly error: string | null
  readonly started_at: number | null
  readonly completed_at: number | null
}

export function taskChange(job: JobInfo): TaskChange {
  const status = statuses[job.state]

  return {
    status,
    progress: status === 'completed' ? 100 : percentOf(job.progress),
    result: status === 'completed' ? JSON.stringify(job.result ?? null) : null,
    error: errorText(job),
    started_at: job.startedAt?.getTime() ?? null,
    completed_at: job.finishedAt?.getTime() ?? null,
  }
}

/** The record of a job that the store has no longer, or never had. */
export function lostTask(now: number): TaskChange {
  const error = 'The outcome of this task is no longer known.'

  return { status: 'failed', progress: 0, result: null, error, started_at: null, completed_at: now }
}

/** With one decimal: what a division leaves behind the comma is noise. */
export function percentOf(progress: Progress | undefined): number {
  if (!progress?.of) return 0

  const percent = Math.round((progress.done / progress.of) * 1_000) / 10

  return Math.min(100, Math.max(0, percent))
}

/** Texts that we wrote for callers. Anything else may tell about the inside, and is in the log only. */
function errorText({ state, error }: JobInfo): string | null {
  if (state === 'cancelled') return cancelledByUser
  if (state === 'expired') return 'The task was not started in time.'
  if (!error) return null
  if (error.name === 'Fatal' || error.name === 'SmtpError') return error.message
  if (error.code === 'JOB_TIMEOUT') return 'The task took too long.'
  if (error.code === 'WORKER_LOST') return 'The task was given up after its worker had been lost several times.'
  if (error.code === 'DATA_PROCESSING_FAILED') return 'Data processing failed: an internal error.'

  return 'The task failed for an internal reason.'
}
