/** Jobs to insert, as the scripts take them. */
import { indexedTagOf } from '../../job.ts'
import type { Due, FollowUp, NewJob } from '../store.ts'
import type { Kinds } from './kinds.ts'
import { escape } from './text.ts'

/** What the reading side alone needs; the scripts never look inside. */
export interface Extras {
  readonly t?: readonly string[]
  readonly m?: string
  readonly v?: number
  readonly r?: readonly string[]
}

/** A job of a call that is not all plain, or a follow-up. */
export interface Wanted {
  readonly id: string
  readonly rank: number
  readonly kind: string
  readonly input: string
  readonly extras: string
  readonly features?: object
}

export function extrasOf({
  tags,
  metadata,
  version,
  redact,
}: Pick<NewJob, 'tags' | 'metadata' | 'version' | 'redact'>): string {
  if (!tags && metadata === undefined && version === undefined && !redact) return ''
  const extras: Extras = {
    ...(tags && { t: tags }),
    ...(metadata !== undefined && { m: metadata }),
    ...(version !== undefined && { v: version }),
    ...(redact && { r: redact }),
  }
  return JSON.stringify(extras)
}

/** Asks for nothing but to be run. */
export function isPlain(job: NewJob): boolean {
  return (
    job.due === undefined &&
    job.expires === undefined &&
    job.unique === undefined &&
    job.lane === undefined &&
    job.rate === undefined &&
    job.after === undefined &&
    job.onSucceeded === undefined &&
    job.onFailed === undefined &&
    !job.once &&
    !job.held &&
    job.startedBy === undefined &&
    indexedTagOf(job) === undefined
  )
}

const onConflictCodes = { keep: 'k', replace: 'r', refuse: 'f' } as const

/** What the scripts do look at. */
export function featuresOf(job: NewJob, kinds: Kinds): object | undefined {
  if (isPlain(job)) return undefined
  const { unique, lane, rate, after } = job
  const tag = indexedTagOf(job)
  return {
    ...(job.due && { due: due(job.due) }),
    ...(job.expires && { ex: due(job.expires) }),
    ...(job.once && { on: 1 }),
    ...(job.held && { h: 1 }),
    ...(job.startedBy && { sb: { id: job.startedBy.id, c: String(job.startedBy.claim) } }),
    ...(tag !== undefined && { pt: tag }),
    ...(unique && {
      u: {
        k: unique.key,
        s: typeof unique.scope === 'object' ? String(unique.scope.forMs) : unique.scope[0],
        c: onConflictCodes[unique.onConflict],
      },
    }),
    ...(lane && {
      l: {
        n: lane.name,
        s: lane.slots,
        ...(lane.ordered && { o: 1 }),
        ...(lane.gather && { g: [lane.gather.size, lane.gather.waitMs] }),
      },
    }),
    ...(rate && { r: { n: rate.name, t: rate.tokens, p: rate.perMs } }),
    ...(after && after.on.length > 0 && { af: { on: after.on, o: after.otherwise[0] } }),
    ...(job.onSucceeded && { s: template(job.onSucceeded, kinds) }),
    ...(job.onFailed && { x: template(job.onFailed, kinds) }),
  }
}

export function wantedOf(job: NewJob, kinds: Kinds): Wanted {
  const features = featuresOf(job, kinds)
  const { id, rank } = job
  return {
    id,
    rank,
    kind: kinds.digestOf(job),
    input: escape(job.input),
    extras: extrasOf(job),
    ...(features && { features }),
  }
}

function due(moment: Due): Due {
  return 'at' in moment ? { at: moment.at } : { inMs: moment.inMs }
}

function template(job: FollowUp, kinds: Kinds): object {
  return { k: kinds.digestOf(job), r: job.rank, x: extrasOf(job), ...(job.once && { o: 1 }) }
}
