/**
 * Blocking again those that were cancelled because of a member that goes on after all, and theirs. Bounded as telling is: a
 * step looks at so many edges, and the rest is left in `reopening` for the next ones.
 */
import { stateCode, type FinalRow, type JobRow } from './job-row.ts'
import type { Reopening, Step } from './step.ts'
import { blockAgain } from './waiting.ts'

/** What a member or an edge counts for that is looked at, and what a waiter that is blocked again. */
const weight = { seen: 1, blocked: 3 }

/** Looks at the waiters of all that this step has reopened, up to a limit. Answers how much of it it has used. */
export function blockWaitersAgain(step: Step, limit: number): number {
  const { reopening, sql } = step
  let used = 0
  while (reopening.length > 0 && used < limit) used += look(step, reopening.shift()!, limit - used)
  for (const { member, after } of reopening.splice(0)) {
    sql.addReopening.run(member, after)
    step.leftReleasing = true
  }
  return used
}

/** Goes on where earlier steps left off. */
export function blockRestAgain(step: Step, limit: number): number {
  const { sql, reopening } = step
  let used = 0
  while (used < limit) {
    const left = sql.firstToReopen.get() as Reopening | undefined
    if (!left) break
    sql.deleteReopening.run(left.member)
    reopening.push(left)
    used += blockWaitersAgain(step, limit - used)
  }
  return used
}

function look(step: Step, { member, after }: Reopening, limit: number): number {
  const { sql } = step
  const job = sql.jobBySeq.get(member) as JobRow | undefined
  const final = sql.getFinal.get(member) as FinalRow | undefined
  // It may have ended again since, or be gone.
  if (!job || (final && final.state !== stateCode.succeeded)) return weight.seen

  let used = weight.seen
  let last = after
  const edges = sql.waitersAfter.all(member, after, limit + 1) as { waiter: number; n: number }[]
  for (const { waiter, n } of edges) {
    if (used > limit) break
    used += blockAgain(step, waiter, job) ? weight.blocked : weight.seen
    last = n
  }
  if (last !== (edges.at(-1)?.n ?? after)) step.reopening.unshift({ member, after: last })
  return Math.min(used, limit)
}
