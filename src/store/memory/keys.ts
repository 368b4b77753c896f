/** Unique keys, in a table of their own: (task, key) to the job that holds it, and until when. */
import { momentOf, type Data, type KeyRow } from './data.ts'
import type { Entry } from './entry.ts'
import type { NewJob } from '../store.ts'

export function keyName(job: NewJob): string | undefined {
  return job.unique && JSON.stringify([job.task, job.unique.key])
}

/** The row that stands in the way of a job with this key. */
export function liveKey(data: Data, name: string): KeyRow | undefined {
  const row = data.keys.get(name)
  return row && !outdated(data, row) ? row : undefined
}

export function takeKey(data: Data, job: NewJob): void {
  if (!job.unique) return
  const { scope } = job.unique
  const until = typeof scope === 'object' ? { until: momentOf(data, { inMs: scope.forMs }) } : {}
  data.keys.set(keyName(job)!, { id: job.id, ...until })
}

/** A `waiting` key is free from the first claim on, and no give-back takes it again. */
export function freeKeyAtClaim(data: Data, entry: Entry): void {
  if (entry.job.unique?.scope === 'waiting') freeKey(data, entry)
}

/** A key that holds for a time holds on when its job has ended. */
export function freeKeyAtEnd(data: Data, entry: Entry): void {
  if (entry.job.unique && typeof entry.job.unique.scope !== 'object') freeKey(data, entry)
}

export function freeKey(data: Data, entry: Entry): void {
  const name = keyName(entry.job)
  if (name && data.keys.get(name)?.id === entry.id) data.keys.delete(name)
}

export function forgetOldKeys(data: Data): void {
  for (const [name, row] of data.keys) if (outdated(data, row)) data.keys.delete(name)
}

function outdated(data: Data, { until }: KeyRow): boolean {
  return until !== undefined && until <= data.env.now()
}
