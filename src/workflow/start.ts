/** What one job has to be enqueued for a step to happen: the task's own, or one that starts the flow. */
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import type { AnyStep } from '../task/step.ts'
import { builtIns } from './built-in.ts'
import { flowOf } from './compose.ts'

export interface Start {
  readonly task: string
  readonly input: unknown
  readonly options: EnqueueOptions | undefined
}

/** @throws InvalidOptionError */
export function startOf(step: AnyStep): Start {
  const flow = flowOf(step, 'a schedule')
  if (flow.kind === 'task') return { task: flow.task, input: flow.input, options: flow.options }

  return { task: builtIns.flow, input: flow, options: undefined }
}
