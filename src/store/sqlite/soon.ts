/** What falls due, or expires, before anybody may look again. */
import { soonMs } from '../soon.ts'
import type { Statements } from './statements.ts'
import type { Step } from './step.ts'

/** When the first job is due or expires. */
export function firstMoment({ sql }: { readonly sql: Statements }): number {
  const { due, expiry } = sql.firstMoments.get() as { due: number | null; expiry: number | null }
  return Math.min(due ?? Infinity, expiry ?? Infinity)
}

/** Whoever sleeps must hear of it where it has changed what comes first; `known` is what did before. */
export function wakeIfSooner(step: Step, queue: number, known: number): void {
  const first = firstMoment(step)
  if (first < known && first <= step.now + soonMs) step.wokenQueues.add(queue)
}
