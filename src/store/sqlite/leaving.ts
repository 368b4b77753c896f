/**
 * Leaving for another store. A taken job keeps its rows and gives up its place, so that nothing finds it; dropped,
 * it leaves its number behind for the edges of those that wait for it.
 */
import { MovePage } from '../move-page.ts'
import type { MoveRoom, MoveTicket, MovingJob } from '../moving.ts'
import { idValue, stateCode, type FinalRow, type JobRow } from './job-row.ts'
import { isGroup } from './groups.ts'
import { dropBlockedSlot, enterLine, standAgain } from './line.ts'
import { movingJob } from './moving-job.ts'
import { erase } from './prune.ts'
import type { Step } from './step.ts'
import { leavePlace, whereIs } from './where.ts'

/** However many are asked for: a step must not hold the event loop. */
const jobsPerStep = 200
const examinedPerStep = 500
const longestPath = 1_000

export function take(step: Step, room: MoveRoom, cursor?: string): { jobs: MovingJob[]; cursor?: string } {
  step.flushReady()
  if (cursor === undefined) dropAside(step)

  const page = new MovePage({ ...room, jobs: Math.min(room.jobs, jobsPerStep) })
  const ticket = step.env.id()
  let at = cursor === undefined ? { part: 0, from: 0 } : placeAt(cursor)
  for (let examined = 0; at.part < parts.length;) {
    if (page.full || examined >= examinedPerStep) return { jobs: page.jobs, cursor: `${at.part}:${at.from}` }
    const seqs = parts[at.part]!.next(step, at.from)
    if (seqs.length === 0) at = { part: at.part + 1, from: 0 }
    for (const seq of seqs) {
      if (page.full) break
      takeAfterMembers(step, page, seq, ticket)
      at = { ...at, from: parts[at.part]!.after(step, at.from, seq) }
      examined++
    }
  }
  return { jobs: page.jobs }
}

export function leaving(step: Step, room: MoveRoom): MovingJob[] {
  const page = new MovePage({ ...room, jobs: Math.min(room.jobs, jobsPerStep) })
  const rows = step.sql.leavingInOrder.all(Math.min(room.jobs, jobsPerStep)) as { seq: number; ticket: string }[]
  for (const { seq, ticket } of rows) {
    if (page.full) break
    page.add(movingJob(step, step.sql.jobBySeq.get(seq) as JobRow, ticket))
  }
  return page.jobs
}

/** False if it is not leaving under this ticket. */
export function drop(step: Step, taken: MoveTicket): boolean {
  const found = underTicket(step, taken)
  if (!found) return false

  const { seq } = found.job
  if (step.sql.getFinal.get(seq) && step.sql.neededHere.get(seq)) step.sql.putAside.run(seq)
  else depart(step, found.job)
  return true
}

/** Back to where it stood. False if it is not leaving under this ticket. */
export function stay(step: Step, taken: MoveTicket): boolean {
  const found = underTicket(step, taken)
  if (!found) return false

  const { job, leaving: was } = found
  const { sql } = step
  sql.deleteLeaving.run(job.seq)
  if (was.slot) sql.takeSlotAgain.run(job.lane)
  if (was.state === stateCode.scheduled) sql.delay.run(job.seq, was.due, was.slot)
  if (was.state === stateCode.blocked && was.slot) sql.setBlockedSlot.run(1, job.seq)
  if (was.state === stateCode.ready) {
    step.flushReady()
    if (isGroup(job.lane)) standAgain(step, job)
    else enterLine(step, job)
  }
  const final = sql.getFinal.get(job.seq) as FinalRow | undefined
  if (final) step.pruneAt(final.until, job.seq)
  else if (job.expires !== null) sql.addDeadline.run(job.expires, job.seq)
  return true
}

/** What is looked through, one after the other, and how the place is remembered. */
interface Part {
  next(step: Step, from: number): number[]
  after(step: Step, from: number, seq: number): number
}

type LineQuery = 'readyToLeave' | 'throttledToLeave' | 'parkedToLeave' | 'gatheredToLeave' | 'delayedToLeave'

/** Those taken are out of the line, so only those that stay are passed over. */
const line = (query: LineQuery): Part => ({
  next: ({ sql }, from) => seqsOf(sql[query].all(jobsPerStep, from)),
  after: ({ sql }, from, seq) => (sql.getLeaving.get(seq) ? from : from + 1),
})
const bySeq = (query: 'delayedWithSlot' | 'blockedWithSlot' | 'blockedToLeave' | 'finalToLeave'): Part => ({
  next: ({ sql }, from) => seqsOf(sql[query].all(from, jobsPerStep)),
  after: (_step, _from, seq) => seq,
})

const parts: readonly Part[] = [
  // Where they arrive they must hold their lane before others come into it.
  bySeq('delayedWithSlot'),
  bySeq('blockedWithSlot'),
  line('readyToLeave'),
  line('throttledToLeave'),
  line('parkedToLeave'),
  line('gatheredToLeave'),
  line('delayedToLeave'),
  bySeq('blockedToLeave'),
  bySeq('finalToLeave'),
]

const seqsOf = (rows: unknown[]) => (rows as { seq: number }[]).map(({ seq }) => seq)

function placeAt(cursor: string): { part: number; from: number } {
  const [part = 0, from = 0] = cursor.split(':').map(Number)
  return { part, from }
}

/** Its members first, and theirs before them; up to one that stays. */
function takeAfterMembers(step: Step, page: MovePage, seq: number, ticket: string): void {
  const { sql } = step
  const path = [seq]
  while (path.length > 0 && path.length < longestPath && !page.full) {
    const last = path.at(-1)!
    if (sql.mustStay.get(last)) return

    const next = stayingMembers(step, last, ticket, path)
    if (typeof next === 'number') {
      path.push(next)
      continue
    }
    const first = firstOf(step, last, next)
    if (first === undefined) return
    page.add(movingJob(step, markLeaving(step, first, ticket), ticket))
    path.splice(path.indexOf(first))
  }
}

interface StayingMember {
  readonly member: number
  readonly open: number
}

/** A member that must go before it; or those that would, had the path not come by them: a circle. */
function stayingMembers(
  { sql }: Step,
  waiter: number,
  ticket: string,
  path: readonly number[],
): number | StayingMember[] {
  const [first] = sql.stayingMembers.all(waiter, ticket, 1) as StayingMember[]
  if (!first) return []
  if (!path.includes(first.member)) return first.member

  const all = sql.stayingMembers.all(waiter, ticket, -1) as StayingMember[]
  return all.find(({ member }) => !path.includes(member))?.member ?? all
}

/** Without members left it is the job itself. In a circle it is one that needs nothing more of the others, if any. */
function firstOf({ sql }: Step, last: number, staying: readonly StayingMember[]): number | undefined {
  if (staying.length === 0 || sql.getFinal.get(last)) return last
  const ended = staying.find(({ member }) => sql.getFinal.get(member))?.member
  return ended ?? (staying.some(({ open }) => open) ? undefined : last)
}

function markLeaving(step: Step, seq: number, ticket: string): JobRow {
  const { sql } = step
  const job = sql.jobBySeq.get(seq) as JobRow
  const where = whereIs(step, job)
  const slot = 'slot' in where ? where.slot : 0
  if (where.state === 'scheduled' || where.state === 'ready') leavePlace(step, job, where)
  else if (slot) dropBlockedSlot(step, job)
  if (job.expires !== null) sql.deleteDeadline.run(job.expires, seq)
  if ('final' in where) sql.unpin.run(seq)
  sql.addLeaving.run(seq, ticket, stateCode[where.state], where.state === 'scheduled' ? where.due : null, slot)
  // A slot that it gave up may have let another one into the line.
  step.flushReady()
  return job
}

function underTicket({ sql }: Step, { id, ticket }: MoveTicket): { job: JobRow; leaving: LeavingRow } | undefined {
  const job = sql.jobById.get(idValue(id)) as JobRow | undefined
  const row = job && (sql.getLeaving.get(job.seq) as LeavingRow | undefined)
  return row?.ticket === ticket ? { job: job!, leaving: row } : undefined
}

interface LeavingRow {
  readonly ticket: string
  readonly state: number
  readonly due: number
  readonly slot: number
}

function dropAside(step: Step): void {
  for (const seq of seqsOf(step.sql.asideAndFree.all(jobsPerStep))) depart(step, step.sql.jobBySeq.get(seq) as JobRow)
}

function depart(step: Step, job: JobRow): void {
  const { sql, now } = step
  const { seq } = job
  const where = whereIs(step, job)
  const attempts = 'final' in where ? where.final.attempts : job.failures
  sql.deleteLeaving.run(seq)
  if (where.state === 'blocked') sql.leaveBlocked.run(seq)
  // A key that holds for a time holds on.
  if (job.unique_key !== null) sql.freeActiveKey.run(job.task, job.unique_key, seq)
  erase(step, job, { state: stateCode[where.state] })
  sql.addDeparted.run(seq, job.id, now)
  step.tell('removed', job, where.state, attempts)
  step.ended.push(seq)
}
