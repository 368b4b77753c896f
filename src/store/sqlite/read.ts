/** Looking, without touching. */
import { compareText } from '../../compare.ts'
import { jobStates, type JobState, type StoredLine, type Progress } from '../../job.ts'
import type { AttemptRecord, JobHistory, JobRecord, Member, QueueCounts, SettledJob, StatRow } from '../store.ts'
import type { Reader } from './claimed-job.ts'
import { ended, membersPage } from './claimed-members.ts'
import { errorValue, flag, idText, idValue, storedOptions, type FinalRow, type JobRow } from './job-row.ts'
import { outcomes } from './step.ts'
import { isWaiting, whereIs } from './where.ts'

export function get(reader: Reader, id: string): JobRecord | 'gone' | undefined {
  const value = idValue(id)
  const job = reader.sql.jobById.get(value) as JobRow | undefined
  return job ? recordOf(reader, job) : isGone(reader, value) ? 'gone' : undefined
}

/** Pruned lately, or moved. */
function isGone({ sql }: Pick<Reader, 'sql'>, id: Uint8Array | string): boolean {
  return (sql.isGone.get(id) ?? sql.departedSeq.get(id)) !== undefined
}

export function recordOf(reader: Reader, job: JobRow): JobRecord {
  const { sql, names } = reader
  const where = whereIs(reader, job)
  const options = storedOptions(job.options)
  const progress = sql.getProgress.get(job.seq) as { body: string } | undefined

  return present<JobRecord>({
    id: idText(job.id),
    task: names.name(job.task),
    queue: names.name(job.queue),
    rank: job.rank,
    state: where.state,
    input: job.input,
    error: job.error === null ? undefined : errorValue(job.error),
    attempt: job.failures,
    crashes: job.crashes,
    createdAt: job.created,
    expiresAt: isWaiting(where.state) ? (job.expires ?? undefined) : undefined,
    startedAt: job.started ?? undefined,
    progress: progress && (JSON.parse(progress.body) as Progress),
    tags: options.tags,
    metadata: job.metadata ?? undefined,
    unique: job.unique_key ?? undefined,
    version: options.version,
    redact: options.redact,
    ...('final' in where && finalFields(where.final)),
    ...(where.state === 'scheduled' && { dueAt: where.due, pending: openMembers(reader, job) }),
    ...(where.state === 'blocked' && { pending: where.pending, held: where.held ? true : undefined }),
    ...(where.state === 'running' && {
      attempt: job.failures + 1,
      startedAt: where.claimed.since,
      cancelRequestedAt: where.claimed.cancel_at ?? undefined,
      incarnation: (sql.incarnationId.get(where.claimed.incarnation) as { id: string } | undefined)?.id,
    }),
  })
}

/** Of one that waits for others and for a time. */
function openMembers({ sql }: Reader, { seq, flags }: JobRow): number | undefined {
  return flags & flag.members ? (sql.openCount.get(seq) as { n: number }).n || undefined : undefined
}

function finalFields(final: FinalRow): { [K in keyof JobRecord]?: JobRecord[K] | undefined } {
  return {
    result: final.state === jobStates.indexOf('succeeded') ? final.result : undefined,
    error: final.error === null ? undefined : errorValue(final.error),
    attempt: final.attempts,
    startedAt: final.started ?? undefined,
    finishedAt: final.finished,
    cancelRequestedAt: final.cancel_at ?? undefined,
    because: final.because === null ? undefined : idText(final.because),
  }
}

/** Leaves out what is undefined, so that "absent" has one form. */
export function present<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

export function settledNow({ sql }: Reader, id: string): SettledJob | undefined {
  const value = idValue(id)
  const job = sql.seqOfId.get(value) as { seq: number } | undefined
  if (!job) return { id, state: isGone({ sql }, value) ? 'gone' : 'unknown' }

  const final = sql.getFinal.get(job.seq) as FinalRow | undefined
  return final && ended({ ...final, id: value })
}

export function history({ sql }: Pick<Reader, 'sql'>, id: string): JobHistory | undefined {
  const job = sql.seqOfId.get(idValue(id)) as { seq: number } | undefined
  return job && historyOf({ sql }, job.seq)
}

export function historyOf({ sql }: Pick<Reader, 'sql'>, seq: number): JobHistory {
  const attempts = sql.attempts.all(seq) as { attempt: number; at: number; error: string }[]
  const log = sql.logs.all(seq) as { line: string }[]
  return {
    attempts: attempts.map(({ attempt, at, error }): AttemptRecord => ({ attempt, at, error: errorValue(error) })),
    log: log.map(({ line }) => JSON.parse(line) as StoredLine),
  }
}

export function members(reader: Reader, id: string, cursor?: string): { members: Member[]; cursor?: string } {
  const job = reader.sql.seqOfId.get(idValue(id)) as { seq: number } | undefined
  if (!job) return { members: [] }

  const page = membersPage(reader, job.seq, cursor === undefined ? 0 : Number(cursor))
  return page.next === undefined ? { members: page.members } : { members: page.members, cursor: String(page.next) }
}

const noStates = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>

export function counts({ sql }: Reader): QueueCounts[] {
  const queues = sql.queues.all() as { id: number; name: string; paused: number }[]
  const states = new Map(queues.map(({ id }) => [id, { ...noStates }]))
  for (const { queue, state, n } of sql.counters.all() as { queue: number; state: number; n: number }[]) {
    const counted = states.get(queue)
    if (counted) counted[jobStates[state]!] = n
  }
  return queues
    .map(({ id, name, paused }) => ({ queue: name, paused: paused === 1, states: states.get(id)! }))
    .toSorted((a, b) => compareText(a.queue, b.queue))
}

export function stats(
  { sql }: Reader,
  { fromAt, toAt }: { readonly fromAt: number; readonly toAt: number },
): StatRow[] {
  const rows = sql.stats.all(fromAt, toAt) as { minute: number; task: string; outcome: number; n: number; ms: number }[]
  return rows
    .map(({ minute: at, task, outcome, n: count, ms: ranMs }) => ({
      at,
      task,
      outcome: outcomes[outcome]!,
      count,
      ranMs,
    }))
    .toSorted((a, b) => a.at - b.at || compareText(a.task, b.task) || compareText(a.outcome, b.outcome))
}
