/** A job as readers see it: decoded and redacted. */
import type { Codec } from '../codec.ts'
import { withinReach } from '../duration.ts'
import { priorityOf, type JobError, type JobState, type Priority, type Progress } from '../job.ts'
import { redacted } from '../redact.ts'
import type { JobRecord } from '../store/store.ts'
import { withPlaces } from '../workflow/places.ts'
import { parted } from '../workflow/note.ts'

/** All there is to know of a job, its fields that the task redacts masked. */
export interface JobInfo {
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly state: JobState
  readonly priority: Priority
  /** As the caller gave it. */
  readonly input: unknown
  /** Once it has succeeded, unless its task keeps none. */
  readonly result?: unknown
  /** Of the last attempt that threw, or why it ended. */
  readonly error?: JobError
  /** Attempts that ended so far, plus the one under way. */
  readonly attempt: number
  /** How often its worker was lost while it held it. */
  readonly crashes: number
  readonly createdAt: Date
  /** When it becomes ready, while it is scheduled. */
  readonly dueAt?: Date
  /** It must have started by then. */
  readonly expiresAt?: Date
  /** When it was last claimed. */
  readonly startedAt?: Date
  readonly finishedAt?: Date
  readonly cancelRequestedAt?: Date
  readonly progress?: Progress
  readonly tags: readonly string[]
  readonly metadata: Readonly<Record<string, unknown>>
  /** The unique key it was enqueued with. */
  readonly unique?: string
  /** The job whose end cancelled this one. */
  readonly because?: string
  /** Which step it is of which workflow. The places of its input that results of other steps fill say so. */
  readonly workflow?: { readonly id: string; readonly name: string; readonly step: number }
}

type Moments = 'createdAt' | 'dueAt' | 'expiresAt' | 'startedAt' | 'finishedAt' | 'cancelRequestedAt'
const moments = ['dueAt', 'expiresAt', 'startedAt', 'finishedAt', 'cancelRequestedAt'] as const satisfies Moments[]

/** Makes a record into what readers see. `reveal` shows what the task redacts. */
export function jobInfo(record: JobRecord, codec: Codec, reveal: boolean): JobInfo {
  const mask = <T>(value: T): T => (reveal ? value : redacted(value, record.redact))
  const decoded = (text: string) => mask(codec.decode(text))
  const { note, metadata } = parted(record.metadata ? (codec.decode(record.metadata) as Record<string, unknown>) : {})
  const info: Record<string, unknown> = {
    id: record.id,
    task: record.task,
    queue: record.queue,
    state: record.state,
    priority: priorityOf(record.rank),
    input: note?.holes ? withPlaces(decoded(record.input), note) : decoded(record.input),
    attempt: record.attempt,
    crashes: record.crashes,
    createdAt: new Date(withinReach(record.createdAt)),
    tags: record.tags ?? [],
    metadata: mask(metadata),
    ...(note && { workflow: { id: note.id, name: note.name, step: note.step } }),
  }

  for (const moment of moments) if (record[moment] !== undefined) info[moment] = new Date(withinReach(record[moment]))
  if (record.result !== undefined && record.result !== null) info['result'] = decoded(record.result)
  if (record.progress) info['progress'] = mask(record.progress)
  if (record.error) info['error'] = record.error
  if (record.unique !== undefined) info['unique'] = record.unique
  if (record.because !== undefined) info['because'] = record.because

  return info as unknown as JobInfo
}
