/** Tasks that every worker can run: steps of workflows that need no handler of the user's. */
import type { JobContext } from '../task/context.ts'
import { defineTask, type TaskDefinition } from '../task/definition.ts'
import { stepOf, type FlowNode, type Step } from '../task/step.ts'

export const builtIns = {
  /** Gives what it is given: the results of others, gathered. */
  collect: 'errand.collect',
  /** Ends when its time is over. */
  pause: 'errand.sleep',
  /** Held until a signal comes. */
  signal: 'errand.signal',
  /** Held until all steps of a large workflow are in the store. */
  gate: 'errand.gate',
  /** Starts a workflow and gives its result. */
  flow: 'errand.flow',
} as const

/** Names that begin so are Errand's own. */
export const builtInPrefix = 'errand.'

export function builtInTasks(queue: string): TaskDefinition[] {
  // A worker of another release may lack one of a flow's tasks: another try may meet one that has it.
  const define = (name: string, handler: (input: any, job: JobContext) => unknown) =>
    defineTask(name, { retry: 10 }, handler, { queueFor: () => queue, limitsOf: () => undefined })

  return [
    define(builtIns.collect, (values: unknown) => values),
    define(builtIns.pause, ({ ms }: { ms: number }, job) => job.sleep('pause', ms)),
    define(builtIns.flow, (flow: FlowNode, job) => job.run('flow', stepOf<void, unknown>(flow) as Step<void, unknown>)),
  ]
}
