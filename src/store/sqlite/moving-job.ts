/** A job as it travels: everything this store knows of it. */
import type { JobState, Progress } from '../../job.ts'
import type { MovingJob } from '../moving.ts'
import type { Lane, NewJob } from '../store.ts'
import type { Reader } from './claimed-job.ts'
import { groupById, isGroup } from './groups.ts'
import { errorValue, flag, idText, storedOptions, type FinalRow, type JobRow } from './job-row.ts'
import { historyOf, present } from './read.ts'
import { whereIs } from './where.ts'

export function movingJob(reader: Reader & { readonly now: number }, job: JobRow, ticket: string): MovingJob {
  const { sql } = reader
  const where = whereIs(reader, job)
  const final = 'final' in where ? where.final : undefined
  const progress = sql.getProgress.get(job.seq) as { body: string } | undefined
  const steps = sql.steps.all(job.seq) as { name: string; result: string }[]
  const { attempts, log } = historyOf(reader, job.seq)

  return present<MovingJob>({
    id: idText(job.id),
    ticket,
    job: asInserted(reader, job),
    state: where.state as Exclude<JobState, 'running'>,
    createdAt: job.created,
    attempts: final?.attempts ?? job.failures,
    crashes: job.crashes,
    dueAt: ('due' in where ? where.due : final?.due) ?? undefined,
    expiresAt: final ? undefined : (job.expires ?? undefined),
    startedAt: (final ? final.started : job.started) ?? undefined,
    ...(final ? finalFields(final, where.state) : { error: job.error === null ? undefined : errorValue(job.error) }),
    progress: progress && (JSON.parse(progress.body) as Progress),
    unique: uniqueOf(reader, job),
    history: attempts,
    log,
    steps: steps.length > 0 ? Object.fromEntries(steps.map(({ name, result }) => [name, result])) : undefined,
    members: edgesOf(reader, job),
    keepsSlot: (sql.getLeaving.get(job.seq) as { slot: number } | undefined)?.slot ? true : undefined,
    awaited: sql.neededBy.get(job.seq) ? true : undefined,
  })
}

function finalFields(final: FinalRow, state: JobState): { [K in keyof MovingJob]?: MovingJob[K] | undefined } {
  return {
    result: state === 'succeeded' ? final.result : undefined,
    error: final.error === null ? undefined : errorValue(final.error),
    finishedAt: final.finished,
    cancelRequestedAt: final.cancel_at ?? undefined,
    because: final.because === null ? undefined : idText(final.because),
  }
}

function asInserted({ sql, names }: Reader, job: JobRow): MovingJob['job'] {
  const lane = job.lane === null ? undefined : laneOf(sql, job, job.lane)
  const rate = job.rate === null ? undefined : (sql.rateNamed.get(job.rate) as RateRow)

  return {
    task: names.name(job.task),
    queue: names.name(job.queue),
    rank: job.rank,
    input: job.input,
    keepSucceededMs: names.keepMs(job.keep, true),
    keepFailedMs: names.keepMs(job.keep, false),
    ...(job.flags & flag.once && { once: true }),
    ...(job.flags & flag.held && { held: true }),
    ...(lane && { lane }),
    ...(rate && { rate: { name: rate.name, tokens: rate.tokens, perMs: rate.per_ms } }),
    ...(job.metadata !== null && { metadata: job.metadata }),
    ...storedOptions(job.options),
  }
}

function laneOf(sql: Reader['sql'], { flags }: JobRow, id: number): Lane {
  const ordered = flags & flag.ordered ? ({ ordered: true } as const) : {}
  if (!isGroup(id)) return { ...(sql.laneNamed.get(id) as { name: string; slots: number }), ...ordered }
  const { name, size, wait_ms: waitMs } = groupById({ sql }, id)
  return { name, slots: 1, ...ordered, gather: { size, waitMs } }
}

interface RateRow {
  readonly name: string
  readonly tokens: number
  readonly per_ms: number
}

function uniqueOf({ sql, now }: Reader & { readonly now: number }, job: JobRow): MovingJob['unique'] {
  if (job.unique_key === null) return undefined
  const scope = job.flags & flag.keyWaiting ? 'waiting' : job.flags & flag.keyActive ? 'active' : 'time'
  const row = sql.keyHolder.get(job.task, job.unique_key) as { seq: number; until: number | null } | undefined
  const holds = row?.seq === job.seq && (row.until === null || row.until > now)
  const until = row?.until ?? null
  return { key: job.unique_key, scope, ...(holds && { holds: until === null ? {} : { until } }) }
}

function edgesOf({ sql }: Reader, { seq }: JobRow): MovingJob['members'] {
  const edges = sql.edgesOf.all(seq) as {
    position: number
    id: Uint8Array | string | null
    runs: number
    open: number
  }[]
  return edges.flatMap(({ position: index, id, runs, open }) =>
    id === null
      ? []
      : { index, id: idText(id), otherwise: runs ? ('run' as const) : ('cancel' as const), open: open === 1 },
  )
}

/** What `insert` would have been given, as far as it is still asked for. */
export function newJobOf({ id, job, unique }: MovingJob): NewJob {
  if (!unique) return { ...job, id }
  const scope = unique.scope === 'time' ? { forMs: 0 } : unique.scope
  return { ...job, id, unique: { key: unique.key, scope, onConflict: 'keep' } }
}
