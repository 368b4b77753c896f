/** What waits for what: edges from a waiter to its members. */
import { flag, idValue, stateCode, type FinalRow, type JobRow } from './job-row.ts'
import type { Step } from './step.ts'
import { goOn, note } from './where.ts'

/** Writes the edges of a new waiter. Members that have ended count as told. */
export function waitFor(step: Step, waiter: JobRow, on: readonly string[], runs: boolean): void {
  const { sql } = step
  const last = sql.lastPosition.get(waiter.seq) as { position: number | null }
  let position = (last.position ?? -1) + 1
  const n = step.nextSeq()

  for (const id of new Set(on)) {
    const member = sql.seqOfMember.get(idValue(id)) as { seq: number }
    sql.addEdge.run(waiter.seq, position++, member.seq, n, runs ? 1 : 0, isFinal(step, member.seq) ? 0 : 1)
  }
}

/** Makes a running job wait for jobs it has started, whatever becomes of them. Unknown ones are ignored. */
export function waitMore(step: Step, waiter: JobRow, on: readonly string[]): number {
  const { sql } = step
  for (const id of new Set(on)) {
    const member = sql.seqOfMember.get(idValue(id)) as { seq: number } | undefined
    if (!member || member.seq === waiter.seq) continue

    const edge = sql.edgeBetween.get(waiter.seq, member.seq) as { position: number; open: number } | undefined
    if (!edge) waitFor(step, waiter, [id], true)
    else if (!edge.open && !isFinal(step, member.seq)) sql.reopenEdge.run(waiter.seq, edge.position)
  }
  if (!(waiter.flags & flag.members)) sql.setFlags.run(waiter.flags | flag.members, waiter.seq)
  return (sql.openCount.get(waiter.seq) as { n: number }).n
}

/** The first member whose end forbids this job to run. */
export function cancellingMember({ sql }: Step, { seq }: Pick<JobRow, 'seq'>): Uint8Array | string | undefined {
  return (sql.cancellingMember.get(seq) as { id: Uint8Array | string } | undefined)?.id
}

/** To its time, its lane or its line. */
export function unblock(step: Step, job: JobRow, due: number | null, hasSlot = false): void {
  step.sql.leaveBlocked.run(job.seq)
  const state = goOn(step, job, due, hasSlot)
  step.move(job.queue, 'blocked', state)
  if (state === 'ready') step.tell('ready', job, state, job.failures)
}

/** The time of a job has come that might have waited for others until then. */
export function waitNoMore({ sql }: Step, { seq, flags }: JobRow): void {
  if (flags & flag.members) sql.closeEdgesOf.run(seq)
}

/** One that waits for a time as well goes on before it. */
export function wake(step: Step, job: JobRow, hasSlot: boolean): void {
  step.sql.leaveDelayed.run(job.seq)
  const state = goOn(step, job, null, hasSlot)
  step.move(job.queue, 'scheduled', state)
  step.tell('ready', job, state, job.failures)
}

/** A final job goes on: those that were cancelled because of it wait for it again, and theirs for them. */
export function markReopened(step: Step, member: number): void {
  if (step.sql.hasWaiter.get(member)) step.reopening.push({ member, after: -1 })
}

/** False for one that was not cancelled because of this member. */
export function blockAgain(step: Step, seq: number, member: JobRow): boolean {
  const { sql } = step
  const final = sql.getFinal.get(seq) as FinalRow | undefined
  if (sql.getLeaving.get(seq)) return false
  if (final?.state !== stateCode.cancelled || final.because === null || !isSame(final.because, member.id)) return false

  const other = cancellingMember(step, { seq })
  if (other !== undefined) {
    sql.setBecause.run(other, seq)
    return true
  }
  const job = sql.jobBySeq.get(seq) as JobRow
  sql.deleteFinal.run(seq)
  step.countLimits(job, 0, 1)
  const pending = waitAgain(step, seq)
  const held = (job.flags & flag.held) !== 0
  sql.block.run(seq, pending, held ? 1 : 0, final.due, 0)
  step.move(job.queue, 'cancelled', 'blocked')
  step.tell('blocked', job, 'blocked', final.attempts)
  markReopened(step, seq)
  const kept = keepAttempts(step, job, final)
  // The member may have succeeded by now.
  if (pending === 0 && !held) unblock(step, kept, final.due)
  return true
}

/** For all that have not ended. Answers how many those are. */
export function waitAgain({ sql }: Step, seq: number): number {
  sql.reopenEdgesOf.run(seq)

  return (sql.openCount.get(seq) as { n: number }).n
}

/** What its last run left behind is in the final row, which is gone now. */
function keepAttempts(step: Step, job: JobRow, { attempts, started }: FinalRow): JobRow {
  return attempts === job.failures && started === job.started
    ? job
    : note(step, { ...job, failures: attempts, started })
}

const isFinal = ({ sql }: Step, seq: number) => sql.getFinal.get(seq) !== undefined

const isSame = (a: Uint8Array | string, b: Uint8Array | string) =>
  typeof a === 'string' || typeof b === 'string' ? a === b : Buffer.compare(a, b) === 0
