/** Deleting final jobs whose retention is over, list by list, and whatever belongs to a job. */
import { stateCode, storedOptions, type FinalRow, type JobRow } from './job-row.ts'
import type { Step } from './step.ts'

interface PruneList {
  readonly at: number
  readonly n: number
  readonly seqs: string
}

export function prune(step: Step, limit: number): number {
  const { sql, now } = step
  let pruned = 0
  while (pruned < limit) {
    const list = sql.duePrunes.get(now) as PruneList | undefined
    if (!list) break

    const seqs = list.seqs.split(',').map(Number)
    let looked = 0
    while (looked < seqs.length && pruned < limit) if (pruneJob(step, seqs[looked++]!)) pruned++
    if (looked === seqs.length) sql.deletePrune.run(list.at, list.n)
    else sql.cutPrune.run(seqs.slice(looked).join(), list.at, list.n)
  }
  return pruned
}

/** The job may have been retried since it was listed, or be needed still. */
function pruneJob(step: Step, seq: number): boolean {
  const { sql, now } = step
  const final = sql.getFinal.get(seq) as FinalRow | undefined
  // A job on its way to another store is listed again should it stay.
  if (!final || sql.getLeaving.get(seq)) return false
  if (final.until > now) {
    // Ended anew since it was listed, or the clock has gone back.
    step.pruneAt(final.until, seq)
    return false
  }
  // Those that were cancelled because of it are still to hear that it went well.
  if (sql.isReopening.get(seq)) {
    step.pruneAt(now, seq)
    return false
  }
  if (sql.neededBy.get(seq)) {
    sql.pin.run(seq)
    return false
  }
  const job = sql.jobBySeq.get(seq) as JobRow
  erase(step, job, final)
  sql.rememberGone.run(job.id, now)
  return true
}

/** Deletes a job that stands nowhere, or is final, and all it has. */
export function erase(step: Step, job: JobRow, final: Pick<FinalRow, 'state'>): void {
  const { sql } = step
  const { seq } = job
  sql.deleteFinal.run(seq)
  sql.deleteJob.run(seq)
  sql.deleteProgress.run(seq)
  sql.deleteLogs.run(seq)
  sql.deleteEdges.run(seq)
  if (step.anySteps) sql.deleteSteps.run(seq)
  if (job.noted) sql.deleteCourse.run(seq)
  sql.deleteAttempts.run(seq)
  for (const tag of storedOptions(job.options).tags ?? []) sql.deleteTag.run(tag, seq)
  step.count(job.queue, final.state, -1)
  step.countLimits(job, -1, final.state < stateCode.succeeded ? -1 : 0)
}
