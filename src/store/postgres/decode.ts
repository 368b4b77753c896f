/** Rows as the store answers them. Numbers of 64 bits come as text. */
import { jobStates, type FinalState, type JobError, type Progress, type Rank } from '../../job.ts'
import type { ClaimedJob, JobRecord, Member, SettledJob } from '../store.ts'
import { flag } from './encode.ts'
import type { Names } from './names.ts'

/** What a claim carries along for its settlement, so that nothing has to be looked up. */
const notes = new WeakMap<object, string>()

export const numberIn = (claim: object): string | undefined => notes.get(claim)

interface More {
  readonly tags?: string[]
  readonly metadata?: string
  readonly version?: number
  readonly redact?: string[]
}

/** Of `errand.turn` and `errand.resync`. What is in `extra` may be much, and is not taken apart as it comes in. */
export const claimedColumns =
  'claim, no, place, id, task, queue, rank, input, attempts, crashes, created, flags, more, extra::text'

export interface ClaimedRow {
  readonly claim: string
  readonly no: string
  readonly place: string
  readonly id: string
  readonly task: number
  readonly queue: number
  readonly rank: Rank
  readonly input: string
  readonly attempts: number
  readonly crashes: number
  readonly created: string
  readonly flags: number
  readonly more: More | null
  /** JSON of `Extra`, and in the row that has none of a job, of all else that is answered. */
  readonly extra: string | null
}

interface Extra {
  readonly steps: Record<string, string> | null
  readonly members: MemberRow[] | null
  readonly cut: boolean | null
  readonly leader: string | null
}

export type MemberRow = [index: number, id: string, state: number, result: string | null, error: JobError | null]

export function claimedOf(row: ClaimedRow, names: Names): ClaimedJob {
  const job: ClaimedJob = {
    id: row.id,
    claim: Number(row.claim),
    task: names.task(row.task)!,
    queue: names.queue(row.queue)!,
    rank: row.rank,
    input: row.input,
    attempt: row.attempts + 1,
    crashes: row.crashes,
    createdAt: Number(row.created),
  }
  notes.set(job, row.no)
  if (row.more === null && row.extra === null && !(row.flags & flag.cancelAsked)) return job
  return Object.assign(job, present(moreOfClaim(row)))
}

function moreOfClaim({ more, extra: text, flags }: ClaimedRow) {
  const extra = parsed<Extra>(text)
  return {
    leader: extra?.leader ?? undefined,
    version: more?.version,
    metadata: more?.metadata,
    redact: more?.redact,
    cancelRequested: flags & flag.cancelAsked ? true : undefined,
    members: extra?.members?.map(memberOf),
    moreMembers: extra?.cut ? true : undefined,
    steps: extra?.steps ?? undefined,
  }
}

export function memberOf([index, id, state, result, error]: MemberRow): Member {
  return { index, id, ...endOf(state, result, error) }
}

function endOf(stateNo: number, result: string | null, error: JobError | null) {
  const state = jobStates[stateNo] as FinalState
  return { state, ...(state === 'succeeded' && { result }), ...(error && { error }) }
}

export interface RecordRow {
  readonly no: string
  readonly id: string
  readonly task: string
  readonly queue: string
  readonly rank: Rank
  readonly state: number
  readonly input: string
  readonly created: string
  readonly uniq: string | null
  readonly more: More | null
  readonly attempts: number
  readonly crashes: number
  readonly expires: string | null
  readonly due: string | null
  readonly pending: number | null
  readonly flags: number
  readonly started: string | null
  readonly finished: string | null
  readonly result: string | null
  readonly error: string | null
  readonly progress: string | null
  readonly cancel_at: string | null
  readonly because: string | null
  readonly incarnation: string | null
}

export function recordOf(row: RecordRow): JobRecord {
  const state = jobStates[row.state]!
  const { more } = row

  return present<JobRecord>({
    id: row.id,
    task: row.task,
    queue: row.queue,
    rank: row.rank,
    state,
    input: row.input,
    result: state === 'succeeded' ? row.result : undefined,
    error: parsed<JobError>(row.error),
    attempt: row.attempts + (state === 'running' ? 1 : 0),
    crashes: row.crashes,
    createdAt: Number(row.created),
    dueAt: state === 'scheduled' ? number(row.due) : undefined,
    expiresAt: number(row.expires),
    startedAt: number(row.started),
    finishedAt: number(row.finished),
    cancelRequestedAt: number(row.cancel_at),
    incarnation: row.incarnation ?? undefined,
    progress: parsed<Progress>(row.progress),
    tags: more?.tags,
    metadata: more?.metadata,
    unique: row.uniq ?? undefined,
    version: more?.version,
    redact: more?.redact,
    because: row.because ?? undefined,
    pending: state === 'blocked' ? (row.pending ?? 0) : state === 'scheduled' ? (row.pending ?? undefined) : undefined,
    held: state === 'blocked' && row.flags & flag.held ? true : undefined,
  })
}

export interface SettledRow {
  readonly id: string
  readonly state: number | null
  readonly result: string | null
  readonly error: string | null
}

export function settledOf({ id, state, result, error }: SettledRow): SettledJob {
  return { id, ...endOf(state!, result, parsed<JobError>(error) ?? null) }
}

export const number = (text: string | number | null | undefined): number | undefined =>
  text === null || text === undefined ? undefined : Number(text)

function parsed<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T)
}

/** Leaves out what is undefined, so that "absent" has one form. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
