/** Finding jobs, newest first, in slices: a page looks at so many jobs and no more, and may be short. */
import { jobStates, type JobState } from '../../job.ts'
import { cursorAt, seqAt } from '../cursor.ts'
import { fieldEquals, pageLimit } from '../matching.ts'
import type { JobQuery, JobRecord } from '../store.ts'
import { recordOf, type RecordRow } from './decode.ts'
import type { Statements } from './statements.ts'

const examinedPerPage = 10_000

const findText = 'select * from errand.find($1, $2, $3, $4, $5, $6, $7, $8, $9)'

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

  for (let examined = 0; examined < examinedPerPage;) {
    const slice = await nextSlice(statements, query, before, examinedPerPage - examined, limit)
    const rows = await recordsOf(statements, slice.found)
    const matching = rows.filter((row) => fieldsEqual(row, query))
    for (const row of matching.slice(0, limit - jobs.length)) {
      jobs.push(recordOf(row))
      before = Number(row.no)
    }
    if (slice.last === null || (!slice.beyond && jobs.length < limit)) return { jobs }
    if (jobs.length >= limit) {
      const more = slice.beyond || before !== Number(slice.found.at(-1))
      return more ? { jobs, cursor: cursorAt(before) } : { jobs }
    }
    examined += Number(slice.looked)
    before = Number(slice.found.length >= limit ? slice.found.at(-1) : slice.last)
    if (slice.found.length < limit) break
  }
  return { jobs, cursor: cursorAt(before) }
}

export function recordsOf(statements: Statements, nos: readonly string[]): Promise<RecordRow[]> {
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
  const values = [before, states?.map(codeOf), tasks, queues, tag, createdFrom, createdTo, examine, limit]
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
