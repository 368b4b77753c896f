/** Tells listeners in this process what became of a run, once the store has recorded it. */
import type { Runtime } from '../runtime.ts'
import type { RunEnd } from './execute.ts'
import type { Run } from './run.ts'

export function tellEnd({ bus, env }: Runtime, run: Run, end: Extract<RunEnd, { kind: 'outcome' }>): void {
  const { kind } = end.outcome
  const name = kind === 'retry' ? 'retrying' : kind
  if (name === 'wait' || !bus.hears(name)) return
  const step = {
    id: run.id,
    task: run.task,
    queue: run.queue,
    attempt: run.attempt,
    ranMs: env.monotonic() - run.startedAt,
  }

  if (kind === 'succeeded') bus.emit('succeeded', { ...step, input: run.input, result: end.result })
  else if (kind === 'retry') bus.emit('retrying', { ...step, error: end.thrown, delayMs: end.outcome.delayMs })
  else if (kind === 'failed') bus.emit('failed', { ...step, error: end.thrown, input: run.input })
  else bus.emit('cancelled', step)
}
