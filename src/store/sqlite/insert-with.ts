/** Enqueueing inside a transaction of the caller's: the jobs exist if and only if it is committed. */
import type { Env } from '../../env.ts'
import { checkCalls } from '../checked-times.ts'
import type { InsertOutcome, NewJob } from '../store.ts'
import { inTransactionOf } from './callers-transaction.ts'
import { insertCall } from './insert.ts'
import { spread, spreadPerStep } from './telling.ts'

export function insertWith(
  env: Env,
  path: string,
  transaction: unknown,
  calls: readonly (readonly NewJob[])[],
): InsertOutcome[][] {
  checkCalls(calls)
  return inTransactionOf(env, path, transaction, (step) =>
    calls.map((jobs) => {
      const answers = insertCall(step, jobs)
      spread(step, spreadPerStep)
      return answers
    }),
  )
}
