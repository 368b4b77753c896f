/** Filters of `find`, applied to the jobs of a page as they come. */
import { InvalidOptionError } from '../../errors.ts'
import type { JobQuery, JobRecord } from '../store.ts'

export const defaultLimit = 50
export const largestLimit = 500

export interface Position {
  /** Where the next page begins to look, going back. */
  readonly before: string
  /** Number of the last job shown: one that was inserted again stands in two places, and is shown at the later one. */
  readonly lastSeq: string
}

const form = /^([1-9]\d{0,14})-(\d{15})$/

export const cursorAt = ({ before, lastSeq }: Position): string => `${before}-${lastSeq}`

/** @throws InvalidOptionError for a text that no page has ended with */
export function positionAt(cursor: string | undefined): Position {
  if (cursor === undefined) return { before: '', lastSeq: '' }
  const [, before, lastSeq] = form.exec(cursor) ?? []
  if (before !== undefined && lastSeq !== undefined) return { before, lastSeq }

  throw new InvalidOptionError('`cursor`', cursor, 'one that a page of jobs ended with')
}

export function matches(job: JobRecord, query: JobQuery): boolean {
  const { state, createdAt } = job
  return (
    (query.states?.includes(state) ?? true) &&
    (query.tasks?.includes(job.task) ?? true) &&
    (query.queues?.includes(job.queue) ?? true) &&
    (query.tag === undefined || (job.tags?.includes(query.tag) ?? false)) &&
    (query.createdFrom === undefined || createdAt >= query.createdFrom) &&
    (query.createdTo === undefined || createdAt < query.createdTo) &&
    (!query.input || fieldEquals(job.input, query.input)) &&
    (!query.metadata || fieldEquals(job.metadata, query.metadata))
  )
}

function fieldEquals(text: string | undefined, { path, value }: NonNullable<JobQuery['input']>): boolean {
  if (text === undefined) return false
  let field: unknown = JSON.parse(text)
  for (const name of path.split('.')) {
    if (field === null || typeof field !== 'object' || Array.isArray(field) || !Object.hasOwn(field, name)) return false
    field = (field as Record<string, unknown>)[name]
  }
  return field === value
}
