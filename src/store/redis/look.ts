/** Pages of `find`: jobs are read from newest to oldest, a portion per call, and filtered here. */
import { InvalidOptionError } from '../../errors.ts'
import { isIndexed } from '../../job.ts'
import { matches, pageLimit } from '../matching.ts'
import type { JobQuery, JobRecord } from '../store.ts'
import type { Caller } from './caller.ts'
import { digestIn, type Kinds } from './kinds.ts'
import { recordFrom, type Shown } from './record.ts'

/** Jobs that one call looks at, and one page. */
const examinedPerCall = 200
const examinedPerPage = 4_000

interface Page {
  readonly jobs: JobRecord[]
  readonly cursor?: string
}

interface Position {
  /** Where the next page begins to look, going back. */
  readonly before: string
  /** Number of the last job shown: one that was inserted again stands in two places, and is shown at the later one. */
  readonly lastSeq: string
}

/** @throws InvalidOptionError */
export async function findPage(caller: Caller, kinds: Kinds, query: JobQuery, cursor?: string): Promise<Page> {
  if (query.tag !== undefined && isIndexed(query.tag)) return findTagged(caller, kinds, query, query.tag, cursor)
  const limit = pageLimit(query)
  const jobs: JobRecord[] = []
  let position = positionAt(cursor)

  for (let examined = 0; examined < examinedPerPage; examined += examinedPerCall) {
    const number = Math.min(examinedPerCall, Math.max(limit - jobs.length, 20))
    const { rows, next } = await readRows(caller, kinds, position, number)
    for (const [index, { job, at }] of rows.entries()) {
      if (matches(job, query)) jobs.push(job)
      const last = !next && index === rows.length - 1
      if (jobs.length === limit && !last) return { jobs, cursor: cursorAt(at) }
    }
    if (!next) return { jobs }
    position = next
  }
  return { jobs, cursor: cursorAt(position) }
}

/** The same by a tag that is indexed: one call a page, which may be short. */
async function findTagged(
  caller: Caller,
  kinds: Kinds,
  query: JobQuery,
  tag: string,
  cursor: string | undefined,
): Promise<Page> {
  const number = Math.min(examinedPerCall, pageLimit(query))
  const rows = await caller.look<[at: string, shown: Shown][]>('tagged', tag, positionAt(cursor).before, number)
  await kinds.read(rows.map(([, [, raw]]) => digestIn(raw!)))
  const jobs = rows.map(([, shown]) => recordFrom(kinds, shown)).filter((job) => matches(job, query))
  if (rows.length < number) return { jobs }
  const before = rows.at(-1)![0]

  return { jobs, cursor: cursorAt({ before, lastSeq: before.padStart(15, '0') }) }
}

/** The jobs before a position, each with its own; and where to go on, if anything older is there. */
async function readRows(caller: Caller, kinds: Kinds, { before, lastSeq }: Position, number: number) {
  type Row = [before: string, lastSeq: string, shown: Shown]
  const [rows, end, last] = await caller.look<[Row[], string, string]>('find', before, number, lastSeq)
  await kinds.read(rows.map(([, , [, raw]]) => digestIn(raw!)))

  return {
    rows: rows.map(([at, seq, shown]) => ({ job: recordFrom(kinds, shown), at: { before: at, lastSeq: seq } })),
    next: end === '0' ? undefined : { before: end, lastSeq: last },
  }
}

const form = /^([1-9]\d{0,14})-(\d{15})$/

const cursorAt = ({ before, lastSeq }: Position): string => `${before}-${lastSeq}`

/** @throws InvalidOptionError for a text that no page has ended with */
function positionAt(cursor: string | undefined): Position {
  if (cursor === undefined) return { before: '', lastSeq: '' }
  const [, before, lastSeq] = form.exec(cursor) ?? []
  if (before !== undefined && lastSeq !== undefined) return { before, lastSeq }

  throw new InvalidOptionError('`cursor`', cursor, 'one that a page of jobs ended with')
}
