/** Looking, without touching. */
import { compareText } from '../../compare.ts'
import type { JobHistory, JobQuery, JobRecord, QueueCounts, SettledJob, StatRow } from '../store.ts'
import { cursorAt, seqAt } from '../cursor.ts'
import { matches, pageLimit } from '../matching.ts'
import type { Data } from './data.ts'
import { recordOf, settledOf, type Entry } from './entry.ts'
import { inOrder } from './order.ts'

/** Jobs looked at per page; a page that finds few is short. */
const examinedPerPage = 10_000

export function get(data: Data, id: string): JobRecord | 'gone' | undefined {
  const entry = data.jobs.get(id)
  return entry ? recordOf(entry) : isGone(data, id) ? 'gone' : undefined
}

export function settledNow(data: Data, id: string): SettledJob | undefined {
  const entry = data.jobs.get(id)
  if (!entry) return { id, state: isGone(data, id) ? 'gone' : 'unknown' }
  return entry.final ? settledOf(entry) : undefined
}

function isGone(data: Data, id: string): boolean {
  return data.pruned.has(id) || data.moving.departed.has(id)
}

export function history(data: Data, id: string): JobHistory | undefined {
  const entry = data.jobs.get(id)
  return entry && { attempts: [...entry.history], log: [...entry.log] }
}

export function find(data: Data, query: JobQuery, cursor?: string): { jobs: JobRecord[]; cursor?: string } {
  const limit = pageLimit(query)
  const jobs: JobRecord[] = []
  const ordered = inOrder(data, query.tag)
  let index = before(ordered, cursor === undefined ? Infinity : seqAt(cursor))
  let last: Entry | undefined

  for (let examined = 0; index >= 0 && jobs.length < limit && examined < examinedPerPage; index--, examined++) {
    last = ordered[index]!
    const { job, state, createdAt, input } = last
    if (!last.erased && matches({ ...job, state, createdAt, input }, query)) jobs.push(recordOf(last))
  }

  const more = last && hasOlder(ordered, index)
  return more ? { jobs, cursor: cursorAt(last!.seq) } : { jobs }
}

export function counts(data: Data): QueueCounts[] {
  return [...data.queues.values()]
    .map(({ name, paused, states }) => ({ queue: name, paused, states: { ...states } }))
    .toSorted((a, b) => compareText(a.queue, b.queue))
}

export function stats(data: Data, { fromAt, toAt }: { fromAt: number; toAt: number }): StatRow[] {
  return [...data.stats.values()]
    .filter(({ at }) => fromAt <= at && at < toAt)
    .map((row) => ({ ...row }))
    .toSorted((a, b) => a.at - b.at || compareText(a.task, b.task) || compareText(a.outcome, b.outcome))
}

/** Index of the newest job inserted before `seq`. */
function before(ordered: readonly Entry[], seq: number): number {
  let [low, high] = [0, ordered.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ordered[middle]!.seq < seq) low = middle + 1
    else high = middle
  }
  return low - 1
}

function hasOlder(ordered: readonly Entry[], index: number): boolean {
  while (index >= 0 && ordered[index]!.erased) index--
  return index >= 0
}
