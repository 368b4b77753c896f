/** A claimed job as it is handed to a worker, with what the engine must know again when it is settled. */
import type { JobError, Rank } from '../../job.ts'
import type { Claim, ClaimedJob, Member } from '../store.ts'
import { errorValue, flag, idText, finalState, storedOptions, type FinalRow, type JobRow } from './job-row.ts'
import type { Names } from './names.ts'
import type { Statements } from './statements.ts'

export interface Reader {
  readonly sql: Statements
  readonly names: Names
}

/** In the order of the columns of `claimable`. */
export type ClaimRow = readonly [
  seq: number,
  place: number,
  task: number,
  /** Queue and rank. */
  line: number,
  /** Retention class, whether it has a row in `course`, and flags. */
  bits: number,
  created: number,
  /** A UUID as 32 digits, or another id after a colon. */
  id: string,
  /** `Rare` as JSON, where one of them is there. */
  rare: string | null,
  options: string | null,
  input: string,
]

/** What few jobs have. */
type Rare = readonly [expires: number | null, lane: number | null, rate: number | null, key: string | null]

const noRares: Rare = [null, null, null, null]
const noted = 4096
const flagBits = noted - 1

export const queueOf = (row: ClaimRow): number => row[3] >> 2
export const rankOf = (row: ClaimRow): Rank => (row[3] & 3) as Rank
export const flagsOf = (row: ClaimRow): number => row[4] & flagBits
export const isNoted = (row: ClaimRow): boolean => (row[4] & noted) !== 0
export const keepOf = (row: ClaimRow): number => Math.floor(row[4] / (2 * noted))
export const raresOf = (row: ClaimRow): Rare => (row[7] === null ? noRares : (JSON.parse(row[7]) as Rare))

class Same {
  constructor(object: object) {
    return object
  }
}

/**
 * Puts the row on the claim as a private field, where neither a comparison nor a copy sees it,
 * so that settling needs no read. A claim without it, from another process, is looked up.
 */
export class Held extends Same {
  #row: ClaimRow
  #since: number

  constructor(claim: Claim, row: ClaimRow, since: number) {
    super(claim)
    this.#row = row
    this.#since = since
  }

  static row(claim: Claim): ClaimRow | undefined {
    return #row in claim ? claim.#row : undefined
  }

  static since(claim: Claim): number {
    return #since in claim ? claim.#since : 0
  }
}

function idOf(hex: string): string {
  if (hex.charCodeAt(0) === 58) return hex.slice(1)
  const text = hex.toLowerCase()
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
}

const inlineBytes = 16 * 1024 * 1024
const membersPerPage = 500

export function claimedJob(
  reader: Reader & { readonly anySteps: boolean },
  row: ClaimRow,
  claim: number,
  since: number,
  leader?: string,
): ClaimedJob {
  const [seq, , task, , , createdAt, id, , options, input] = row
  const { names, sql } = reader
  const job: { -readonly [K in keyof ClaimedJob]: ClaimedJob[K] } = {
    id: idOf(id),
    claim,
    task: names.name(task),
    queue: names.name(queueOf(row)),
    rank: rankOf(row),
    input,
    attempt: 1,
    crashes: 0,
    createdAt,
  }
  if (isNoted(row)) {
    const course = sql.getCourse.get(seq) as Pick<JobRow, 'failures' | 'crashes'>
    job.attempt = course.failures + 1
    job.crashes = course.crashes
  }
  if (reader.anySteps) addSteps(reader, job, seq)
  if (options !== null) addOptions(job, options)
  if (flagsOf(row) & flag.members) addMembers(reader, job, seq)
  if (flagsOf(row) & flag.gathers) job.leader = leader ?? leaderOf(reader, job, seq)
  new Held(job, row, since)
  return job
}

/** Itself, unless another led it. */
function leaderOf({ sql }: Reader, { id }: ClaimedJob, seq: number): string {
  const row = sql.getGrouped.get(seq) as { leader: Uint8Array | string } | undefined
  return row ? idText(row.leader) : id
}

type Writable = { -readonly [K in keyof ClaimedJob]: ClaimedJob[K] }

function addOptions(job: Writable, options: string): void {
  const { version, metadata, redact } = storedOptions(options)
  if (version !== undefined) job.version = version
  if (metadata !== undefined) job.metadata = metadata
  if (redact) job.redact = redact
}

function addSteps({ sql }: Reader, job: Writable, seq: number): void {
  const steps = sql.steps.all(seq) as { name: string; result: string }[]
  if (steps.length > 0) job.steps = Object.fromEntries(steps.map(({ name, result }) => [name, result]))
}

function addMembers(reader: Reader, job: Writable, seq: number): void {
  const members: Member[] = []
  let bytes = 0
  for (let from: number | undefined = 0; from !== undefined;) {
    const page = membersPage(reader, seq, from)
    for (const member of page.members) {
      bytes += (member.result?.length ?? 0) + 100
      if (bytes > inlineBytes) {
        job.moreMembers = true
        break
      }
      members.push(member)
    }
    from = job.moreMembers ? undefined : page.next
  }
  job.members = members
}

/** What a job waited for and has ended, from this position on. */
export function membersPage({ sql }: Reader, waiter: number, from: number): { members: Member[]; next?: number } {
  const rows = sql.endedMembers.all(waiter, from, membersPerPage) as (FinalRow & {
    position: number
    id: Uint8Array | string
  })[]
  const members = rows.map((row) => ({ index: row.position, ...ended(row) }))
  return rows.length < membersPerPage ? { members } : { members, next: rows.at(-1)!.position + 1 }
}

/** A final job as those see it who waited for it. */
export function ended(row: Pick<FinalRow, 'state' | 'result' | 'error'> & { id: Uint8Array | string }): {
  id: string
  state: ReturnType<typeof finalState>
  result?: string | null
  error?: JobError
} {
  const state = finalState(row.state)
  return {
    id: idText(row.id),
    state,
    ...(state === 'succeeded' && { result: row.result }),
    ...(row.error !== null && { error: errorValue(row.error) }),
  }
}
