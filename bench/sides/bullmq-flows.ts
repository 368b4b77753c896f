import { type FlowJob, FlowProducer, Worker as BullmqWorker } from 'bullmq'
import { type FlowHandler, type FlowResult, type FlowShape, graphParts, stepsOf } from '../flow-shape.ts'
import { anInput } from '../work.ts'
import { connect, driven } from './bullmq.ts'
import type { FlowClient } from './flow-side.ts'
import type { Worker } from './side.ts'

const queueName = 'flows'

/** Steps that go into one call. */
const perCall = 1000

/** A step that waits for others is their parent, and asks for what they gave. */
export async function openBullmqFlows(store: string): Promise<FlowClient> {
  const connection = connect(store)
  const producer = new FlowProducer({ connection })

  return {
    send: async (shape, flows) => {
      const atOnce = Math.max(1, Math.floor(perCall / stepsOf(shape)))
      for (let from = 0; from < flows; from += atOnce) {
        await producer.addBulk(Array.from({ length: Math.min(atOnce, flows - from) }, () => flowOf(shape)))
      }
    },
    worker: (handler) => flowWorker(store, handler),
    close: async () => {
      await producer.close()
      connection.disconnect()
    },
  }
}

function flowOf({ name, size }: FlowShape): FlowJob {
  switch (name) {
    case 'chain':
      return Array.from({ length: size - 1 }).reduce<FlowJob>((before) => join([before]), first(0))
    case 'chord':
      return join(firsts(size))
    case 'graph':
      return join(graphParts.map((part) => join(firsts(part))))
  }
}

const firsts = (count: number) => Array.from({ length: count }, (_, number) => first(number))
const first = (number: number): FlowJob => ({ name: 'first', queueName, data: anInput(number) })
const join = (children: FlowJob[]): FlowJob => ({ name: 'join', queueName, data: {}, children })

function flowWorker(store: string, handler: FlowHandler): Worker {
  const connection = connect(store)
  const worker = new BullmqWorker(
    queueName,
    async (job) => handler(job.name === 'first' ? [] : Object.values(await job.getChildrenValues<FlowResult>())),
    { connection, concurrency: 150, autorun: false },
  )
  return driven(worker, connection)
}
