/** Jobs to insert, as the scripts take them. */
import type { Due, FollowUp, NewJob } from '../store.ts'
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

const minuteMs = 60_000

/** Queue, task and retention in minutes: what many jobs share, compared as text. */
const kinds = new Map<string, Map<string, string>>()
const kindsRemembered = 1_000

export function kindOf({ queue, task, keepSucceededMs, keepFailedMs }: Omit<FollowUp, 'rank'>): string {
  const keep = `${Math.ceil(keepSucceededMs / minuteMs)},${Math.ceil(keepFailedMs / minuteMs)}`
  const name = `${task}\n${keep}`
  const known = kinds.get(queue)?.get(name)
  if (known !== undefined) return known

  const kind = `${JSON.stringify([queue, task]).slice(0, -1)},${keep}]`
  const ofQueue = kinds.get(queue) ?? new Map<string, string>()
  if (kinds.size >= kindsRemembered || ofQueue.size >= kindsRemembered) kinds.clear()
  kinds.set(queue, ofQueue.set(name, kind))
  return kind
}

export function extrasOf({
  tags,
  metadata,
  version,
  redact,
}: Pick<NewJob, 'tags' | 'metadata' | 'version' | 'redact'>) {
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
    !job.held
  )
}

/** What the scripts do look at. */
export function featuresOf(job: NewJob): object | undefined {
  if (isPlain(job)) return undefined
  const { unique, lane, rate, after } = job
  return {
    ...(job.due && { due: due(job.due) }),
    ...(job.expires && { ex: due(job.expires) }),
    ...(job.once && { on: 1 }),
    ...(job.held && { h: 1 }),
    ...(unique && {
      u: {
        k: unique.key,
        s: typeof unique.scope === 'object' ? String(unique.scope.forMs) : unique.scope[0],
        c: unique.onConflict === 'replace' ? 'r' : 'k',
      },
    }),
    ...(lane && { l: { n: lane.name, s: lane.slots } }),
    ...(rate && { r: { n: rate.name, t: rate.tokens, p: rate.perMs } }),
    ...(after && after.on.length > 0 && { af: { on: after.on, o: after.otherwise[0] } }),
    ...(job.onSucceeded && { s: template(job.onSucceeded) }),
    ...(job.onFailed && { x: template(job.onFailed) }),
  }
}

export function wantedOf(job: NewJob): Wanted {
  const features = featuresOf(job)
  const { id, rank } = job
  return { id, rank, kind: kindOf(job), input: escape(job.input), extras: extrasOf(job), ...(features && { features }) }
}

function due(moment: Due): Due {
  return 'at' in moment ? { at: moment.at } : { inMs: moment.inMs }
}

function template(job: FollowUp): object {
  return { k: kindOf(job), r: job.rank, x: extrasOf(job), ...(job.once && { o: 1 }) }
}
