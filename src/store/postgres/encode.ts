/** Jobs as the SQL functions take them. The flags are explained in migrations/0002_places.sql. */
import { indexedTagOf } from '../../job.ts'
import type { Due, FollowUp, Lane, NewJob, UniqueKey } from '../store.ts'
import type { Numbered } from './names.ts'

export const flag = {
  lane: 1,
  rate: 2,
  keyUntilClaim: 4,
  keyUntilEnd: 8,
  keyForTime: 16,
  onSucceeded: 128,
  onFailed: 256,
  once: 512,
  held: 1024,
  cancelAsked: 4096,
  orderedLane: 16_384,
  gathers: 32_768,
  indexedTag: 262_144,
} as const

const minuteMs = 60_000
/** A retention longer than this is for ever. */
const longestMinutes = 2 ** 31 - 1

/** One that needs no more than its line or its time. */
export function isPlain({ unique, lane, rate, after, held, startedBy }: NewJob): boolean {
  return !unique && !lane && !rate && !after && !held && !startedBy
}

export function flagsOf(job: NewJob): number {
  let flags = 0
  if (job.lane) flags |= job.lane.gather ? flag.gathers : flag.lane
  if (job.lane?.ordered) flags |= flag.orderedLane
  if (job.rate) flags |= flag.rate
  if (job.unique) flags |= flagOfScope(job.unique)
  if (job.onSucceeded) flags |= flag.onSucceeded
  if (job.onFailed) flags |= flag.onFailed
  if (job.once) flags |= flag.once
  if (job.held) flags |= flag.held
  if (indexedTagOf(job) !== undefined) flags |= flag.indexedTag
  return flags
}

function flagOfScope({ scope }: UniqueKey): number {
  if (scope === 'waiting') return flag.keyUntilClaim
  return scope === 'active' ? flag.keyUntilEnd : flag.keyForTime
}

export const minutesOf = (ms: number): number => Math.min(longestMinutes, Math.ceil(ms / minuteMs))

export const atOf = (due: Due | undefined): number | null => (due && 'at' in due ? clip(due.at) : null)
export const inOf = (due: Due | undefined): number | null => (due && 'inMs' in due ? clip(due.inMs) : null)

const clip = (ms: number) => Math.min(Number.MAX_SAFE_INTEGER, Math.max(-Number.MAX_SAFE_INTEGER, Math.round(ms)))

/** Names of what follows a job, which need numbers too. */
export function* namedIn(jobs: Iterable<NewJob>): Iterable<{ readonly queue: string; readonly task: string }> {
  for (const job of jobs) {
    yield job
    if (job.onSucceeded) yield job.onSucceeded
    if (job.onFailed) yield job.onFailed
  }
}

/** What the database looks into for one tag only (`part`, see 0001), as JSON text; null for nothing. */
export function moreOf(job: NewJob, names: Numbered): string | null {
  const { tags, metadata, version, redact, onSucceeded, onFailed } = job
  if (!tags && metadata === undefined && version === undefined && !redact && !onSucceeded && !onFailed) return null

  const part = indexedTagOf(job)

  return JSON.stringify({
    ...(part !== undefined && { part }),
    ...(tags && { tags }),
    ...(metadata !== undefined && { metadata }),
    ...(version !== undefined && { version }),
    ...(redact && { redact }),
    ...(onSucceeded && { onSucceeded: followUpSpec(onSucceeded, names) }),
    ...(onFailed && { onFailed: followUpSpec(onFailed, names) }),
  })
}

function followUpSpec(followUp: FollowUp, names: Numbered) {
  const { of: _of, id: _id, input: _input, ...spec } = specOf({ ...followUp, id: '', input: '' }, names)
  return spec
}

/** A job as `insert_job` takes it. */
export function specOf(job: NewJob, names: Numbered): Record<string, unknown> {
  const { unique, lane, rate, after, due, expires, startedBy } = job
  const more = moreOf(job, names)

  return {
    of: names.mark,
    id: job.id,
    task: names.taskNo(job.task),
    queue: names.queueNo(job.queue),
    rank: job.rank,
    input: job.input,
    flags: flagsOf(job),
    keepSucceeded: minutesOf(job.keepSucceededMs),
    keepFailed: minutesOf(job.keepFailedMs),
    ...(due && timesOf('due', due)),
    ...(expires && timesOf('expires', expires)),
    ...(unique && { key: unique.key, onConflict: unique.onConflict }),
    ...(typeof unique?.scope === 'object' && { keyMs: clip(unique.scope.forMs) }),
    ...(lane && { lane: laneSpec(lane) }),
    ...(rate && { rate: { name: rate.name, tokens: clip(rate.tokens), perMs: clip(rate.perMs) } }),
    ...(after && { on: after.on, run: after.otherwise === 'run' }),
    ...(startedBy && { starter: startedBy.id, starterClaim: startedBy.claim }),
    ...(more !== null && { more: JSON.parse(more) as unknown }),
  }
}

function laneSpec({ name, slots, gather }: Lane) {
  return {
    name,
    slots: clip(slots),
    ...(gather && { gather: { size: clip(gather.size), waitMs: clip(gather.waitMs) } }),
  }
}

function timesOf(name: 'due' | 'expires', due: Due) {
  return 'at' in due ? { [`${name}At`]: atOf(due) } : { [`${name}In`]: inOf(due) }
}
