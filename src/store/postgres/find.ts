/** Finding jobs, newest first, in slices: a page looks at so many jobs and no more, and may be short. */
import { isIndexed, jobStates, type JobState } from '../../job.ts'
import { cursorAt, seqAt } from '../cursor.ts'
import { fieldEquals, pageLimit } from '../matching.ts'
import type { JobQuery, JobRecord } from '../store.ts'
import { recordOf, type RecordRow } from './decode.ts'
import type { Statements } from './statements.ts'

const examinedPerPage = 10_000

const findText = 'select * from errand.find($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'

interface Slice {
  readonly found: string[]
  readonly last: string | null
  readonly looked: string
  readonly beyond: boolean
}

export async function find(
  statements: Statements,
  query: JobQuery,
  cursor?: string,
): Promise<{ jobs: JobRecord[]; cursor?: string }> {
  const limit = pageLimit(query)
  const jobs: JobRecord[] = []
  let before = cursor === undefined ? Number.MAX_SAFE_INTEGER : seqAt(cursor)

  // As a rule most match, so it begins with as many as are wanted.
  for (let examined = 0, portion = limit; examined < examinedPerPage; portion *= 4) {
    const wanted = limit - jobs.length
    const slice = await nextSlice(statements, query, before, Math.min(portion, examinedPerPage - examined), wanted)
    const rows = await recordsOf(statements, slice.found)
    jobs.push(...rows.filter((row) => fieldsEqual(row, query)).map(recordOf))
    if (slice.last === null || !slice.beyond) return { jobs }

    examined += Number(slice.looked)
    before = Number(slice.found.length >= wanted ? slice.found.at(-1) : slice.last)
    if (jobs.length >= limit) break
  }
  return { jobs, cursor: cursorAt(before) }
}

function recordsOf(statements: Statements, nos: readonly string[]): Promise<RecordRow[]> {
  if (nos.length === 0) return Promise.resolve([])
  return statements.all<RecordRow>('select * from errand.records($1)', [nos])
}

function nextSlice(
  statements: Statements,
  query: JobQuery,
  before: number,
  examine: number,
  limit: number,
): Promise<Slice> {
  const { states, tasks, queues, tag, createdFrom, createdTo } = query
  const indexed = tag !== undefined && isIndexed(tag)
  const values = [before, states?.map(codeOf), tasks, queues, tag, createdFrom, createdTo, examine, limit, indexed]
  return statements.one<Slice>(
    findText,
    values.map((value) => value ?? null),
  )
}

const codeOf = (state: JobState) => jobStates.indexOf(state)

/** Compared here, since not every JSON text can be looked into there. */
function fieldsEqual({ input, more }: RecordRow, query: JobQuery): boolean {
  return (
    (!query.input || fieldEquals(input, query.input)) &&
    (!query.metadata || fieldEquals(more?.metadata, query.metadata))
  )
}
