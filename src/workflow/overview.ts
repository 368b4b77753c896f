/** How a workflow stands, from the records of its jobs. Plain decisions, no store. */
import { isFinal, type JobState } from '../job.ts'
import type { JobRecord } from '../store/store.ts'
import { numbersOf, parted, signalsOf, stepId, type StepNote } from './note.ts'

/** `waiting`: no step has started yet. `failed`: a step failed for good or came too late, and the rest was cancelled because of it. */
export type WorkflowState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

/** One step of a workflow: a job. */
export interface WorkflowStep {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly state: JobState
  /** The signal that ends it. */
  readonly signal?: string
  /** The steps it waits for. */
  readonly after: readonly string[]
  /** The job whose handler has started it. */
  readonly startedBy?: string
  readonly startedAt?: Date
  readonly finishedAt?: Date
  readonly error?: { readonly name: string; readonly message: string }
}

/** How a workflow stands. */
export interface WorkflowInfo {
  /** Which is its last step's too. */
  readonly id: string
  readonly name: string
  readonly state: WorkflowState
  /** Steps that have ended, of all that are known so far: handlers may start more. */
  readonly done: number
  readonly total: number
  readonly createdAt: Date
  readonly finishedAt?: Date
  /** In an order in which each comes after those it waits for. */
  readonly steps: readonly WorkflowStep[]
}

export interface Noted {
  readonly record: JobRecord
  readonly note: StepNote | undefined
}

export function notedRecord(record: JobRecord): Noted {
  return {
    record,
    note: record.metadata ? parted(JSON.parse(record.metadata) as Record<string, unknown>).note : undefined,
  }
}

/** `records`: its jobs, oldest first, with those that its handlers have started. */
export function overview(id: string, records: readonly JobRecord[]): WorkflowInfo | undefined {
  const all = records.map(notedRecord)
  const last = all.find(({ record }) => record.id === id)
  if (!last) return undefined
  const { finishedAt } = last.record

  return {
    id,
    name: last.note?.name ?? last.record.task,
    state: stateOf(last.record, records),
    done: records.filter(({ state }) => isFinal(state)).length,
    total: records.length,
    createdAt: new Date(Math.min(...records.map(({ createdAt }) => createdAt))),
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt) }),
    steps: all.map(stepInfo),
  }
}

function stateOf({ state }: JobRecord, records: readonly JobRecord[]): WorkflowState {
  if (state === 'cancelled') {
    return records.some((other) => other.state === 'failed' || other.state === 'expired') ? 'failed' : 'cancelled'
  }
  if (isFinal(state)) return state
  const begun = records.some((other) => other.state === 'running' || isFinal(other.state))

  return begun ? 'running' : 'waiting'
}

function stepInfo({ record, note }: Noted): WorkflowStep {
  const { id, task, queue, state, startedAt, finishedAt, error } = record
  const [signal] = note ? signalsOf(note.id, record.tags) : []

  return {
    id,
    task,
    queue,
    state,
    ...(signal !== undefined && { signal }),
    after: note ? numbersOf(note.after).map((step) => stepId(note.id, step, note.last)) : [],
    ...(note?.by !== undefined && { startedBy: note.by }),
    ...(startedAt !== undefined && { startedAt: new Date(startedAt) }),
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt) }),
    ...(error && { error: { name: error.name, message: error.message } }),
  }
}
