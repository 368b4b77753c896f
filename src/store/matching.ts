/** Which jobs a query of `find` asks for, where an engine looks at them one by one. */
import type { JobQuery, JobRecord } from './store.ts'

const defaultLimit = 50
const largestLimit = 500

export type Matched = Pick<JobRecord, 'state' | 'task' | 'queue' | 'tags' | 'createdAt' | 'input' | 'metadata'>

/** How many jobs a page has at the most. */
export function pageLimit({ limit }: JobQuery): number {
  return Math.min(limit ?? defaultLimit, largestLimit)
}

export function matches(job: Matched, query: JobQuery): boolean {
  return (
    (query.states?.includes(job.state) ?? true) &&
    (query.tasks?.includes(job.task) ?? true) &&
    (query.queues?.includes(job.queue) ?? true) &&
    (query.tag === undefined || (job.tags?.includes(query.tag) ?? false)) &&
    (query.createdFrom === undefined || job.createdAt >= query.createdFrom) &&
    (query.createdTo === undefined || job.createdAt < query.createdTo) &&
    (!query.input || fieldEquals(job.input, query.input)) &&
    (!query.metadata || fieldEquals(job.metadata, query.metadata))
  )
}

/** Compared by path through objects, and by JSON type: `"1"` is not `1`. */
export function fieldEquals(text: string | undefined, { path, value }: NonNullable<JobQuery['input']>): boolean {
  if (text === undefined) return false
  let field: unknown = JSON.parse(text)
  for (const name of path.split('.')) {
    if (field === null || typeof field !== 'object' || Array.isArray(field) || !Object.hasOwn(field, name)) return false
    field = (field as Record<string, unknown>)[name]
  }
  return field === value
}
