/** Tells listeners in this process what became of a run, once the store has recorded it. */
import { JobFailedError } from '../errors.ts'
import { redacted } from '../redact.ts'
import type { Runtime } from '../runtime.ts'
import type { Settlement } from '../store/store.ts'
import type { OutcomeEnd } from './execute.ts'
import type { Run } from './run.ts'

/** A run that has ended, with what is to be recorded of it. */
export interface Ended {
  readonly run: Run
  readonly end: OutcomeEnd
  readonly settlement: Settlement
}

/** Whoever listens may write it down, so that what the task redacts is masked here too. */
export function tellEnd({ bus }: Runtime, { run, end, settlement }: Ended): void {
  const { kind } = end.outcome
  const name = kind === 'retry' ? 'retrying' : kind
  if (name === 'wait' || !bus.hears(name)) return
  const { id, task, queue, attempt } = run
  const step = { id, task, queue, attempt, ranMs: settlement.ranMs }
  const input = shown(run, run.input)

  if (kind === 'succeeded') bus.emit('succeeded', { ...step, input, result: shown(run, end.result) })
  else if (kind === 'retry') bus.emit('retrying', { ...step, error: errorOf(run, end), delayMs: end.outcome.delayMs })
  else if (kind === 'failed') bus.emit('failed', { ...step, error: errorOf(run, end), input })
  else bus.emit('cancelled', step)
}

const shown = ({ redact }: Run, value: unknown) => redacted(value, redact)

function errorOf({ id, redact }: Run, { thrown, outcome }: OutcomeEnd): unknown {
  return redact && 'error' in outcome && outcome.error ? new JobFailedError(id, outcome.error) : thrown
}
