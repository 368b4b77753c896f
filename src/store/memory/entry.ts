/** One job as the memory engine keeps it, and how it looks from outside. */
import {
  isFinal,
  type FinalState,
  type JobError,
  type JobState,
  type StoredLine,
  type Progress,
  type Rank,
} from '../../job.ts'
import { isSuspect } from '../rules.ts'
import type { AttemptRecord, ClaimedJob, IncarnationId, JobRecord, NewJob, Rate, SettledJob } from '../store.ts'
import type { Spot } from './line.ts'

/** One job that waits for another. */
export interface Edge {
  readonly waiter: Entry
  /** May have been erased since. */
  member: Entry
  readonly index: number
  otherwise: 'cancel' | 'run'
  /** Counted in the waiter's `pending`. */
  open: boolean
}

export class Entry {
  readonly job: NewJob
  /** Order of insertion over the whole store. */
  readonly seq: number
  readonly createdAt: number

  state: JobState = 'blocked'
  rank: Rank
  input: string
  version: number | undefined
  /** Its number in the ready line; kept over a give-back and a rescue. */
  place = 0
  attempts = 0
  crashes = 0
  /** Its attempt has waited: whenever it is ready it stands where it stood, and needs no token. */
  goesOn = false
  /** The claim under which it runs or last ran. */
  claim = 0
  /** Of a job whose lane gathers: who led the group in which it was claimed. */
  leader: string | undefined
  /** From when its time in a lane that gathers is counted. */
  gatheredAt = 0
  incarnation: IncarnationId | undefined
  startedAt: number | undefined
  finishedAt: number | undefined
  cancelRequestedAt: number | undefined
  dueAt: number | undefined
  expiresAt: number | undefined
  result: string | null | undefined
  error: JobError | undefined
  progress: Progress | undefined
  because: string | undefined
  /** Edges of it that are open. */
  pending = 0
  held: boolean

  /** Where it stands: in a ready line, or parked in its lane. */
  standing: Spot | undefined
  due: Spot | undefined
  expiry: Spot | undefined
  retention: Spot | undefined
  /** When its retention is over, once it is final. */
  keptUntil = 0
  /** Past its retention, and needed by a job that waits for it. */
  pinned = false
  /** Pruned, removed, or moved. */
  erased = false
  /** On its way to another store: nothing here may change it. */
  leaving: { readonly ticket: string; aside: boolean; readonly keepsSlot: boolean } | undefined
  /** Gone to another store, where its end will be known. */
  departed = false

  readonly waitsFor: Edge[] = []
  /** Edges of the jobs that wait for this one. */
  readonly waiters: Set<Edge> = new Set()
  readonly history: AttemptRecord[] = []
  readonly log: StoredLine[] = []
  steps: Map<string, string> | undefined

  constructor(job: NewJob, seq: number, createdAt: number) {
    this.job = job
    this.seq = seq
    this.createdAt = createdAt
    this.rank = job.rank
    this.input = job.input
    this.version = job.version
    this.held = job.held ?? false
  }

  get id(): string {
    return this.job.id
  }

  get waiting(): boolean {
    return this.state === 'scheduled' || this.state === 'blocked' || this.state === 'ready'
  }

  get final(): boolean {
    return isFinal(this.state)
  }

  /** Of which its next start takes a token. */
  get rate(): Rate | undefined {
    return this.goesOn ? undefined : this.job.rate
  }

  get suspect(): boolean {
    return isSuspect(this)
  }

  get attempt(): number {
    return this.attempts + (this.state === 'running' ? 1 : 0)
  }
}

/** Leaves out what is undefined, so that "absent" has one form. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const there: Partial<T> = {}
  for (const name in fields) if (fields[name] !== undefined) there[name] = fields[name]
  return there as T
}

export function recordOf(entry: Entry): JobRecord {
  const { job, state } = entry
  const blocked = state === 'blocked'

  return present<JobRecord>({
    id: job.id,
    task: job.task,
    queue: job.queue,
    rank: entry.rank,
    state,
    input: entry.input,
    result: entry.result,
    error: entry.error,
    attempt: entry.attempt,
    crashes: entry.crashes,
    createdAt: entry.createdAt,
    dueAt: state === 'scheduled' ? entry.dueAt : undefined,
    expiresAt: entry.waiting ? entry.expiresAt : undefined,
    startedAt: entry.startedAt,
    finishedAt: entry.finishedAt,
    cancelRequestedAt: entry.cancelRequestedAt,
    incarnation: entry.incarnation,
    progress: entry.progress,
    tags: job.tags,
    metadata: job.metadata,
    unique: job.unique?.key,
    version: entry.version,
    redact: job.redact,
    because: entry.because,
    pending: blocked || (state === 'scheduled' && entry.pending > 0) ? entry.pending : undefined,
    held: blocked && entry.held ? true : undefined,
  })
}

/** Without what it waited for, which dependencies.ts knows. */
export function claimedOf(entry: Entry): ClaimedJob {
  const { job } = entry

  return present<ClaimedJob>({
    id: job.id,
    claim: entry.claim,
    task: job.task,
    queue: job.queue,
    rank: entry.rank,
    input: entry.input,
    attempt: entry.attempts + 1,
    crashes: entry.crashes,
    leader: entry.leader,
    version: entry.version,
    metadata: job.metadata,
    redact: job.redact,
    cancelRequested: entry.cancelRequestedAt === undefined ? undefined : true,
    createdAt: entry.createdAt,
    members: undefined,
    moreMembers: undefined,
    steps: entry.steps?.size ? Object.fromEntries(entry.steps) : undefined,
  })
}

export function settledOf(entry: Entry): SettledJob {
  return present<SettledJob>({
    id: entry.id,
    state: entry.state as FinalState,
    result: entry.result,
    error: entry.error,
  })
}
