/** How a job is written in its row, and read back. */
import { jobStates, type FinalState, type JobError, type JobState } from '../../job.ts'
import { isUuid } from '../../id.ts'
import type { Due, FollowUp, NewJob } from '../store.ts'

/** A bit each for what makes a job more than plain, so that the plain ones are passed quickly. */
export const flag = {
  once: 1,
  keyWaiting: 2,
  keyActive: 4,
  keyFor: 8,
  onSucceeded: 16,
  onFailed: 32,
  otherwiseRun: 64,
  members: 128,
  held: 256,
  tags: 512,
  ordered: 1024,
  gathers: 2048,
  /** Its options have something that its worker is told. */
  options: 4096,
} as const

export const stateCode = Object.fromEntries(jobStates.map((state, code) => [state, code])) as Record<JobState, number>
export const ready: number = stateCode.ready
export const running: number = stateCode.running

export interface JobRow {
  readonly seq: number
  readonly id: Uint8Array | string
  readonly task: number
  readonly queue: number
  readonly rank: 0 | 1 | 2 | 3
  readonly created: number
  readonly keep: number
  readonly expires: number | null
  readonly lane: number | null
  readonly rate: number | null
  readonly flags: number
  readonly unique_key: string | null
  readonly metadata: string | null
  readonly options: string | null
  readonly input: string
  /** Whether it has a row in `course`; the six below are read from it. */
  readonly noted: number
  readonly place: number
  readonly failures: number
  readonly crashes: number
  readonly started: number | null
  readonly error: string | null
  /** 1 once its attempt has waited: it keeps its place, and needs no token. */
  readonly goes_on: number
}

export interface FinalRow {
  readonly state: number
  readonly started: number | null
  readonly finished: number
  readonly until: number
  readonly attempts: number
  readonly result: string | null
  readonly error: string | null
  readonly because: Uint8Array | string | null
  readonly cancel_at: number | null
  readonly due: number | null
}

/** What a job may carry that its own row has no column for. */
export interface StoredOptions {
  tags?: readonly string[]
  version?: number
  redact?: readonly string[]
  onSucceeded?: FollowUp
  onFailed?: FollowUp
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** UUIDs take 16 bytes; any other id is kept as its text, which no blob equals. */
export function idValue(id: string): Uint8Array | string {
  return isUuid(id) ? Buffer.from(id.replaceAll('-', ''), 'hex') : id
}

export function idText(value: Uint8Array | string): string {
  if (typeof value === 'string') return value

  const b = value
  return (
    hex[b[0]!]! +
    hex[b[1]!]! +
    hex[b[2]!]! +
    hex[b[3]!]! +
    '-' +
    hex[b[4]!]! +
    hex[b[5]!]! +
    '-' +
    hex[b[6]!]! +
    hex[b[7]!]! +
    '-' +
    hex[b[8]!]! +
    hex[b[9]!]! +
    '-' +
    hex[b[10]!]! +
    hex[b[11]!]! +
    hex[b[12]!]! +
    hex[b[13]!]! +
    hex[b[14]!]! +
    hex[b[15]!]!
  )
}

/** Of `hexId` in queries/places.ts. */
export function idFromHex(hex: string): string {
  if (hex.charCodeAt(0) === 58) return hex.slice(1)
  const text = hex.toLowerCase()
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
}

export function flagsOf(job: NewJob): number {
  let flags = 0
  if (job.once) flags |= flag.once
  if (job.unique) flags |= keyFlag(job.unique.scope)
  if (job.onSucceeded) flags |= flag.onSucceeded
  if (job.onFailed) flags |= flag.onFailed
  if (job.after) flags |= flag.members
  if (job.after?.otherwise === 'run') flags |= flag.otherwiseRun
  if (job.held) flags |= flag.held
  if (job.tags?.length) flags |= flag.tags
  if (job.lane?.ordered) flags |= flag.ordered
  if (job.lane?.gather) flags |= flag.gathers
  if (job.version !== undefined || job.redact) flags |= flag.options
  return flags
}

function keyFlag(scope: 'waiting' | 'active' | { readonly forMs: number }): number {
  return scope === 'waiting' ? flag.keyWaiting : scope === 'active' ? flag.keyActive : flag.keyFor
}

/** Null for the many jobs that carry nothing. */
export function optionsText({ tags, version, redact, onSucceeded, onFailed }: NewJob): string | null {
  if (!tags && version === undefined && !redact && !onSucceeded && !onFailed) return null

  return JSON.stringify({
    tags,
    version,
    redact,
    onSucceeded: template(onSucceeded),
    onFailed: template(onFailed),
  })
}

export function optionsWith(text: string | null, version: number | undefined): string | null {
  const { version: _, ...rest } = storedOptions(text)
  const options = { ...rest, ...(version !== undefined && { version }) }
  return Object.keys(options).length === 0 ? null : JSON.stringify(options)
}

/** Whether the worker is told of them is among the flags. */
export function flagsWith(flags: number, options: string | null): number {
  const { version, redact } = storedOptions(options)
  return version !== undefined || redact ? flags | flag.options : flags & ~flag.options
}

/** Its own fields alone, should somebody pass a whole job. */
function template(followUp: FollowUp | undefined): FollowUp | undefined {
  if (!followUp) return undefined

  const { task, queue, rank, keepSucceededMs, keepFailedMs, once, version, tags, redact } = followUp
  return {
    task,
    queue,
    rank,
    keepSucceededMs,
    keepFailedMs,
    ...(once && { once }),
    ...(version !== undefined && { version }),
    ...(tags && { tags }),
    ...(redact && { redact }),
  }
}

export function storedOptions(text: string | null): StoredOptions {
  return text === null ? {} : (JSON.parse(text) as StoredOptions)
}

export function moment(due: Due, now: number): number {
  return 'at' in due ? due.at : now + due.inMs
}

export function finalState(code: number): FinalState {
  return jobStates[code] as FinalState
}

export function errorText(error: JobError | undefined): string | null {
  return error === undefined ? null : JSON.stringify(error)
}

export function errorValue(text: string): JobError {
  return JSON.parse(text) as JobError
}
