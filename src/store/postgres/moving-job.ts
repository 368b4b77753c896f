/** A job as it travels, from the rows that are all this store knows of it, and as the SQL functions take it. */
import { jobStates, type StoredLine } from '../../job.ts'
import type { MovingEdge, MovingJob } from '../moving.ts'
import type { AttemptRecord, FollowUp, Lane, NewJob, Rate } from '../store.ts'
import { number, present, recordOf, type RecordRow } from './decode.ts'
import { flag, specOf } from './encode.ts'
import type { Names } from './names.ts'

/** A record, and beside it what only a move asks for. */
export interface TravellingRow extends Omit<RecordRow, 'more'> {
  readonly ticket: string
  readonly more: (NonNullable<RecordRow['more']> & { onSucceeded?: FollowUpSpec; onFailed?: FollowUpSpec }) | null
  readonly beyond: Beyond
}

interface Beyond {
  readonly keep: [succeeded: number, failed: number]
  readonly flags: number
  readonly lane: Lane | null
  readonly rate: Rate | null
  /** Absent while it holds no key; until when, where that is limited. */
  readonly holds: [until: number | null] | null
  readonly due: number | null
  readonly history: [attempt: number | null, at: number | null, said: unknown][] | null
  readonly steps: Record<string, string> | null
  readonly members: [index: number, id: string, run: boolean, open: boolean][] | null
  readonly keepsSlot: boolean | null
  readonly awaited: boolean
}

/** As `specOf` has written it. */
interface FollowUpSpec {
  readonly task: number
  readonly queue: number
  readonly rank: FollowUp['rank']
  readonly flags: number
  readonly keepSucceeded: number
  readonly keepFailed: number
  readonly more?: Pick<FollowUp, 'version' | 'tags' | 'redact'>
}

export function movingJob(row: TravellingRow, names: Names): MovingJob {
  const { state, attempts, crashes, beyond, ticket } = row
  const record = recordOf(row)

  return present<MovingJob>({
    id: row.id,
    ticket,
    job: asInserted(row, names),
    state: jobStates[state] as MovingJob['state'],
    createdAt: record.createdAt,
    attempts,
    crashes,
    dueAt: number(beyond.due),
    expiresAt: record.expiresAt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    cancelRequestedAt: record.cancelRequestedAt,
    result: record.result,
    error: record.error,
    progress: record.progress,
    because: record.because,
    unique: uniqueOf(row),
    ...pastOf(beyond),
    members: (beyond.members ?? []).map(edgeOf),
    keepsSlot: beyond.keepsSlot ? true : undefined,
    awaited: beyond.awaited ? true : undefined,
  })
}

function asInserted({ task, queue, rank, input, more, beyond }: TravellingRow, names: Names): MovingJob['job'] {
  const { keep, flags, lane, rate } = beyond

  return present<MovingJob['job']>({
    task,
    queue,
    rank,
    input,
    keepSucceededMs: keep[0] * 60_000,
    keepFailedMs: keep[1] * 60_000,
    once: flags & flag.once ? true : undefined,
    held: flags & flag.held ? true : undefined,
    lane: lane ? { ...lane, ...(flags & flag.orderedLane && { ordered: true as const }) } : undefined,
    rate: rate ?? undefined,
    tags: more?.tags,
    metadata: more?.metadata,
    version: more?.version,
    redact: more?.redact,
    onSucceeded: more?.onSucceeded && followUpOf(more.onSucceeded, names),
    onFailed: more?.onFailed && followUpOf(more.onFailed, names),
  })
}

function followUpOf(spec: FollowUpSpec, names: Names): FollowUp {
  return {
    task: names.task(spec.task)!,
    queue: names.queue(spec.queue)!,
    rank: spec.rank,
    keepSucceededMs: spec.keepSucceeded * 60_000,
    keepFailedMs: spec.keepFailed * 60_000,
    ...(spec.flags & flag.once && { once: true }),
    ...spec.more,
  }
}

/** Numbers of queues and tasks that occur in rows only inside of follow-ups. */
export function followUpsIn(rows: readonly TravellingRow[]): { readonly queue: number; readonly task: number }[] {
  return rows.flatMap(({ more }) => [more?.onSucceeded ?? [], more?.onFailed ?? []].flat())
}

function uniqueOf({ uniq, beyond: { flags, holds } }: TravellingRow): MovingJob['unique'] {
  if (uniq === null) return undefined
  const scope = flags & flag.keyUntilClaim ? 'waiting' : flags & flag.keyUntilEnd ? 'active' : 'time'
  return { key: uniq, scope, ...(holds && { holds: holds[0] === null ? {} : { until: holds[0] } }) }
}

function pastOf({ history, steps }: Beyond) {
  const said = history ?? []
  return {
    history: said.flatMap(([attempt, at, error]) =>
      attempt === null ? [] : [{ attempt, at: at!, error } as AttemptRecord],
    ),
    log: said.flatMap(([attempt, , line]) => (attempt === null ? [line as StoredLine] : [])),
    steps: steps ?? undefined,
  }
}

const edgeOf = ([index, id, run, open]: NonNullable<Beyond['members']>[number]): MovingEdge => ({
  index,
  id,
  otherwise: run ? 'run' : 'cancel',
  open,
})

/** What `insert` would have been given, as far as it is still asked for. */
export function newJobOf({ id, job, unique }: MovingJob): NewJob {
  if (!unique) return { ...job, id }
  const scope = unique.scope === 'time' ? { forMs: 0 } : unique.scope
  return { ...job, id, unique: { key: unique.key, scope, onConflict: 'keep' } }
}

/** A job as `place_one` takes it: the fields of an insert, and what has become of it since. */
export function placingSpec(moving: MovingJob, names: Names): object {
  const { members, unique, history, log, steps } = moving
  const said = [
    ...history.map(({ attempt, at, error }) => [attempt, Math.round(at), JSON.stringify(error)]),
    ...log.map((line) => [null, null, JSON.stringify(line)]),
  ]

  return {
    ...specOf(newJobOf(moving), names),
    ticket: moving.ticket,
    ...(moving.keepsSlot && { keepsSlot: true }),
    ...stateSpec(moving),
    ...(unique?.holds && { holds: [whole(unique.holds.until) ?? null] }),
    ...(said.length > 0 && { history: said }),
    ...(steps && { steps: Object.entries(steps) }),
    ...(members.length > 0 && {
      members: members.map(({ index, id, otherwise, open }) => [index, id, otherwise === 'run', open]),
    }),
  }
}

function stateSpec(moving: MovingJob) {
  const { state, attempts, crashes, error, result } = moving
  const over = moving.finishedAt !== undefined
  const [started, due] = [whole(moving.startedAt), whole(moving.dueAt)]
  const said = error && JSON.stringify(error)
  const progress = moving.progress && JSON.stringify(moving.progress)
  const course = over
    ? { progress, due, cancel_at: whole(moving.cancelRequestedAt), because: moving.because }
    : { progress, started, error: said }

  return {
    state: jobStates.indexOf(state),
    created: whole(moving.createdAt),
    attempts,
    crashes,
    due,
    expires: whole(moving.expiresAt),
    ...(over && { started, finished: whole(moving.finishedAt), result, error: said }),
    ...(Object.values(course).some((value) => value !== undefined) && { course }),
  }
}

const whole = (moment: number | undefined) => (moment === undefined ? undefined : Math.round(moment))
