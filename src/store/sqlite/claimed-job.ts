/** A claimed job as it is handed to a worker, with what the engine must know again when it is settled. */
import type { Rank } from '../../job.ts'
import type { Claim, ClaimedJob, Member } from '../store.ts'
import { membersOf } from './claimed-members.ts'
import { flag, idFromHex, idText, type JobRow, type StoredOptions } from './job-row.ts'
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
  /** Where one of them is there; as JSON until somebody has looked. */
  rare: Rare | string | null,
  /** What it is told besides: metadata, or `Told` as JSON where there is more. */
  told: string | null,
  input: string,
]

/** What few jobs have. */
type Rare = readonly [expires: number | null, lane: number | null, rate: number | null, key: string | null]

const noRares: Rare = [null, null, null, null]
const noted = 8192
const flagBits = noted - 1

export const queueOf = (row: ClaimRow): number => row[3] >> 2
export const rankOf = (row: ClaimRow): Rank => (row[3] & 3) as Rank
export const flagsOf = (row: ClaimRow): number => row[4] & flagBits
export const isNoted = (row: ClaimRow): boolean => (row[4] & noted) !== 0
export const keepOf = (row: ClaimRow): number => Math.floor(row[4] / (2 * noted))
export function raresOf(row: ClaimRow): Rare {
  const rare = row[7]
  if (typeof rare !== 'string') return rare ?? noRares
  const parsed = JSON.parse(rare) as Rare
  ;(row as { 7: Rare })[7] = parsed
  return parsed
}

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

/** What was found out for several jobs together. */
export interface Known {
  readonly leader?: string | undefined
  readonly members?: Member[] | undefined
  /** How many members the same claim has handed out before. */
  readonly membersBefore?: number
}

export function claimedJob(
  reader: Reader & { readonly anySteps: boolean },
  row: ClaimRow,
  claim: number,
  since: number,
  known?: Known,
): ClaimedJob {
  const [seq, , task, , , createdAt, id, , told, input] = row
  const { names, sql } = reader
  const job: { -readonly [K in keyof ClaimedJob]: ClaimedJob[K] } = {
    id: idFromHex(id),
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
  if (flagsOf(row) & flag.options) addOptions(job, told!)
  else if (told !== null) job.metadata = told
  if (known?.members) job.members = known.members
  else if (flagsOf(row) & flag.members) Object.assign(job, membersOf(reader, seq, known?.membersBefore))
  if (flagsOf(row) & flag.gathers) job.leader = known?.leader ?? leaderOf(reader, job, seq)
  new Held(job, row, since)
  return job
}

/** Itself, unless another led it. */
function leaderOf({ sql }: Reader, { id }: ClaimedJob, seq: number): string {
  const row = sql.getGrouped.get(seq) as { leader: Uint8Array | string } | undefined
  return row ? idText(row.leader) : id
}

type Writable = { -readonly [K in keyof ClaimedJob]: ClaimedJob[K] }

type Told = Pick<StoredOptions, 'version' | 'redact'> & { readonly metadata: string | null }

function addOptions(job: Writable, told: string): void {
  const { version, metadata, redact } = JSON.parse(told) as Told
  if (version !== undefined) job.version = version
  if (metadata !== null) job.metadata = metadata
  if (redact) job.redact = redact
}

function addSteps({ sql }: Reader, job: Writable, seq: number): void {
  const steps = sql.steps.all(seq) as { name: string; result: string }[]
  if (steps.length > 0) job.steps = Object.fromEntries(steps.map(({ name, result }) => [name, result]))
}
