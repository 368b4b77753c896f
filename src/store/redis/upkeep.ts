/** Upkeep as the script takes it, and its answer. */
import { WorkerLostError } from '../../errors.ts'
import type { UpkeepLimits, UpkeepResult } from '../store.ts'
import type { Argument } from './connection/connection.ts'

/** What the server does within some two milliseconds. */
const defaults: UpkeepLimits = { promote: 200, rescue: 100, expire: 100, spread: 200, prune: 500 }

/** What a job ends by whose worker was lost once, twice or more often. */
const lostErrors = JSON.stringify(
  [1, 2, 3].map((crashes) => {
    const { name, message, code } = new WorkerLostError(crashes)
    return JSON.stringify({ name, message, code })
  }),
)

export type UpkeepAnswer = readonly [
  more: number,
  promoted: number,
  rescued: number,
  expired: number,
  spread: number,
  pruned: number,
  extended: number,
  nextDue: string,
]

export function upkeepArguments(limits: Partial<UpkeepLimits> | undefined, spareId: string): Argument[] {
  const { promote, rescue, expire, spread, prune } = { ...defaults, ...limits }
  return [promote, rescue, expire, spread, prune, spareId, lostErrors]
}

export function upkeepResult(answer: UpkeepAnswer): UpkeepResult {
  const [more, promoted, rescued, expired, spread, pruned, extended, nextDue] = answer
  const done = { promoted, rescued, expired, spread, pruned }
  return { more: more === 1, ...done, extended: extended === 1, ...(nextDue !== '' && { nextDueMs: Number(nextDue) }) }
}
