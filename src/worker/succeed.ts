/** Ending a job inside a transaction of its handler's own. */
import { encodeResult } from '../client/new-job.ts'
import { Cancelled, ClaimLostError, TransactionError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { SettledWith } from '../store/store.ts'
import { parseResult } from '../task/validate.ts'
import type { OutcomeEnd } from './execute.ts'
import type { Reports } from './reports.ts'
import type { Run } from './run.ts'

/**
 * Whether the transaction will be committed cannot be known here. So the run goes on as one that has not succeeded
 * yet, `completed` says how it will have ended, and what the worker records at its end is refused if it has.
 */
export function succeedWith<R>(run: Run, runtime: Runtime, reports: Reports, result: R, tx: unknown): Promise<R> {
  if (run.ending === 'cancelled') throw new Cancelled()
  if (run.closed || run.over) throw new ClaimLostError(run.id)
  const end = endOf(run, runtime, result)
  const followUps = run.followUpsAtOnce()
  const ranMs = Math.round(runtime.env.monotonic() - run.startedAt)
  const settlement = { claim: run.claimed, outcome: end.outcome, ranMs, ...(followUps && { followUps }) }

  run.completed = end
  const refuse = (error: unknown): never => {
    if (run.completed === end) run.completed = undefined
    throw error
  }
  const accept = (answer: SettledWith): R => (answer === 'settled' ? result : refuse(refusal(run, answer)))
  try {
    const answer = reports.settleWith(run, tx, settlement)

    return answer instanceof Promise ? answer.catch(refuse).then(accept) : Promise.resolve(accept(answer))
  } catch (error) {
    return refuse(error)
  }
}

function endOf(run: Run, runtime: Runtime, returned: unknown): OutcomeEnd {
  const { definition } = run
  try {
    const result = parseResult(definition, returned)
    if (result instanceof Promise) throw tooLate(result, definition.name)
    const encoded = definition.keepResult ? encodeResult(runtime, result, definition.name) : null

    return { kind: 'outcome', outcome: { kind: 'succeeded', result: encoded }, result }
  } catch (error) {
    run.unfit = error
    throw error
  }
}

function tooLate(parsing: Promise<unknown>, task: string): TransactionError {
  parsing.catch(() => {})

  return new TransactionError(
    `Cannot end the job inside your transaction: the output schema of "${task}" is asynchronous, and the transaction could be over ` +
      `by then. Nothing was written. Return the result instead, or use a schema that answers at once.`,
  )
}

const refusal = ({ id }: Run, answer: SettledWith) =>
  answer === 'cancelling' ? new Cancelled() : new ClaimLostError(id)
