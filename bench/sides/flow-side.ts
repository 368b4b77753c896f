/** What the bench asks of a side that has workflows. */
import type { FlowHandler, FlowShape } from '../flow-shape.ts'
import type { SideName } from './names.ts'
import type { Worker } from './side.ts'

export interface FlowClient {
  /** Brings so many of them into the store. */
  send(shape: FlowShape, flows: number): Promise<void>
  /** `handler` is what each step does. */
  worker(handler: FlowHandler): Worker
  close(): Promise<void>
}

export type OpenFlows = (store: string) => Promise<FlowClient>

export async function loadFlows(name: SideName): Promise<OpenFlows> {
  switch (name) {
    case 'errand':
      return (await import('./errand-flows.ts')).openErrandFlows
    case 'bullmq':
      return (await import('./bullmq-flows.ts')).openBullmqFlows
    default:
      throw new Error(`${name} has no workflows here.`)
  }
}
