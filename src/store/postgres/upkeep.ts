/** One round of upkeep, all of it in one call. */
import { WorkerLostError } from '../../errors.ts'
import type { UpkeepLimits, UpkeepResult } from '../store.ts'
import { queuesIn } from './inserter.ts'
import { sparesOf, type TurnParts } from './turn.ts'

const upkeepDefaults: UpkeepLimits = { promote: 1_000, rescue: 200, expire: 200, spread: 500, prune: 1_000 }

/** What a job ends by when its worker went silent, after the first time to the third. */
const lost = [1, 2, 3].map((crashes) => {
  const { name, message, code } = new WorkerLostError(crashes)
  return JSON.stringify({ name, message, code })
})

interface Done extends Omit<UpkeepResult, 'more' | 'nextDueMs'> {
  readonly nextDue: number | null
  readonly arrivals: string | null
}

/** Also says in which queues something has become ready. */
export async function upkeep(
  { env, clock, statements }: TurnParts,
  given: Partial<UpkeepLimits> = {},
): Promise<UpkeepResult & { arrivals: number[] }> {
  const { promote, rescue, expire, spread, prune } = { ...upkeepDefaults, ...given }
  const { now, monotonic } = clock()
  const values = [now, monotonic, promote, rescue, expire, spread, prune, lost, sparesOf(env)]
  const { done } = await statements.one<{ done: Done }>(
    'select errand.upkeep($1, $2, $3, $4, $5, $6, $7, $8, $9) as done',
    values,
  )

  const { nextDue, arrivals, ...counted } = done
  const more =
    counted.promoted >= promote ||
    counted.rescued >= rescue ||
    counted.expired >= expire ||
    counted.spread >= spread ||
    counted.pruned >= prune
  return { more, ...counted, ...(nextDue !== null && { nextDueMs: nextDue }), arrivals: queuesIn(arrivals) }
}
