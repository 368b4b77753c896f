/** Setting a limit by its name, for jobs waiting and to come. */
import type { LimitValue } from '../store.ts'
import { laneFor, rateFor } from './line.ts'
import type { Step } from './step.ts'

export function setLimit(step: Step, name: string, { slots, tokens, perMs }: LimitValue): void {
  if (slots !== undefined) laneFor(step, name, slots)
  const known = step.sql.rateByName.get(name) as { tokens: number; per_ms: number } | undefined
  const [newTokens, newPerMs] = [tokens ?? known?.tokens, perMs ?? known?.per_ms]
  if ((tokens === undefined && perMs === undefined) || newTokens === undefined || newPerMs === undefined) return
  rateFor(step, name, newTokens, newPerMs)
  for (const { queue } of step.sql.queuesOfRate.all(name) as { queue: number }[]) step.wokenQueues.add(queue)
}
