/** What one job has to be enqueued for a step to happen: the task's own, or one that starts the flow. */
import type { EnqueueOptions } from '../client/enqueue-options.ts'
import type { Registry } from '../task/registry.ts'
import type { AnyStep, FlowNode } from '../task/step.ts'
import { builtIns } from './built-in.ts'
import { wholeFlowOf } from './compose.ts'

export interface Start {
  readonly task: string
  readonly input: unknown
  readonly options: EnqueueOptions | undefined
}

/** @throws InvalidOptionError, UnknownTaskError */
export function startOf(step: AnyStep, registry: Registry): Start {
  const flow = wholeFlowOf(step, 'what a schedule enqueues')
  if (flow.kind === 'task') return { task: flow.task, input: flow.input, options: flow.options }

  // Whoever starts it has to know its tasks, so it goes where they are run.
  const [first] = [...tasksOf(flow)].map((task) => registry.get(task))

  return { task: builtIns.flow, input: flow, options: first && { queue: first.queue } }
}

function* tasksOf(flow: FlowNode): Generator<string> {
  if (flow.kind === 'task') yield flow.task
  else if (flow.kind === 'settled') yield* tasksOf(flow.step)
  else if (flow.kind === 'graph') {
    for (const { step } of flow.parts) if (step.kind !== 'pause' && step.kind !== 'signal') yield* tasksOf(step)
  } else for (const step of flow.steps) yield* tasksOf(step)
}
