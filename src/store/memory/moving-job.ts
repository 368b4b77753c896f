/** A job as it travels: everything this store knows of it. */
import type { Lane, NewJob, Rate } from '../store.ts'
import type { MovingJob } from '../moving.ts'
import type { Data } from './data.ts'
import { present, type Entry } from './entry.ts'
import { groupOf } from './groups.ts'
import { keyName, liveKey } from './keys.ts'

export function movingJob(data: Data, entry: Entry): MovingJob {
  return present<MovingJob>({
    id: entry.id,
    ticket: entry.leaving!.ticket,
    job: asInserted(data, entry),
    state: entry.state as MovingJob['state'],
    createdAt: entry.createdAt,
    attempts: entry.attempts,
    crashes: entry.crashes,
    dueAt: entry.state === 'ready' ? undefined : entry.dueAt,
    expiresAt: entry.expiresAt,
    startedAt: entry.startedAt,
    finishedAt: entry.finishedAt,
    cancelRequestedAt: entry.cancelRequestedAt,
    result: entry.result,
    error: entry.error,
    progress: entry.progress,
    because: entry.because,
    unique: uniqueOf(data, entry),
    history: [...entry.history],
    log: [...entry.log],
    steps: entry.steps?.size ? Object.fromEntries(entry.steps) : undefined,
    members: entry.waitsFor
      .filter(({ member }) => !member.erased || member.departed)
      .map(({ member, index, otherwise, open }) => ({ index, id: member.id, otherwise, open })),
    keepsSlot: entry.leaving!.keepsSlot ? true : undefined,
    awaited: entry.waiters.values().some(({ waiter }) => !waiter.final && !waiter.erased) ? true : undefined,
  })
}

function asInserted(data: Data, { job, rank, input, version }: Entry): MovingJob['job'] {
  const { id: _id, due: _due, expires: _expires, unique: _unique, after: _after, version: _version, ...rest } = job
  return {
    ...rest,
    rank,
    input,
    ...(version !== undefined && { version }),
    ...(job.lane && { lane: laneNow(data, job, job.lane) }),
    ...(job.rate && { rate: rateNow(data, job.rate) }),
  }
}

function laneNow(data: Data, job: NewJob, lane: Lane): Lane {
  const group = groupOf(data, job)
  if (group) return { ...lane, gather: { size: group.size, waitMs: group.waitMs } }
  return { ...lane, slots: data.lanes.get(lane.name)?.slots ?? lane.slots }
}

function rateNow(data: Data, rate: Rate): Rate {
  const { tokens, perMs } = data.rates.get(rate.name) ?? rate
  return { name: rate.name, tokens, perMs }
}

function uniqueOf(data: Data, { job }: Entry): MovingJob['unique'] {
  if (!job.unique) return undefined
  const { key, scope } = job.unique
  const row = liveKey(data, keyName(job)!)
  const holds = row?.id === job.id ? { ...(row.until !== undefined && { until: row.until }) } : undefined
  return { key, scope: typeof scope === 'object' ? 'time' : scope, ...(holds && { holds }) }
}

/** What `insert` would have been given, as far as it is still asked for. */
export function newJobOf({ id, job, unique }: MovingJob): NewJob {
  if (!unique) return { ...job, id }
  const scope = unique.scope === 'time' ? { forMs: 0 } : unique.scope
  return { ...job, id, unique: { key: unique.key, scope, onConflict: 'keep' } }
}
