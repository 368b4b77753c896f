/** Settling a job inside a transaction of the caller's: its effects and its outcome are one commit. */
import type { Env } from '../../env.ts'
import { checkSettlement } from '../checked-times.ts'
import type { IncarnationId, Report, SettledWith, Settlement } from '../store.ts'
import { inTransactionOf } from './callers-transaction.ts'
import { lifeOf } from './lives.ts'
import { report } from './reports.ts'
import { heldJob, settle } from './settle.ts'
import { spread, spreadPerStep } from './telling.ts'

export interface CallersSettlement {
  readonly incarnation: IncarnationId
  readonly settlement: Settlement
  readonly reports: readonly Report[]
}

export function settleWith(
  env: Env,
  path: string,
  transaction: unknown,
  { incarnation, settlement, reports }: CallersSettlement,
): SettledWith {
  checkSettlement(settlement)
  return inTransactionOf(env, path, transaction, (step) => {
    const life = lifeOf(step, incarnation)
    const held = life && heldJob(step, life.n, settlement.claim)
    if (!held) return 'stale'
    if (held.place.cancel_at !== null) return 'cancelling'

    report(step, incarnation, reports)
    settle(step, life.n, [settlement])
    spread(step, spreadPerStep)
    return 'settled'
  })
}
