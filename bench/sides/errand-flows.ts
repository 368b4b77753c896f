import { chain, chord, type Errand, mapEach, type Step, type Task, workflow } from 'errand'
import { type FlowHandler, type FlowResult, type FlowShape, graphParts } from '../flow-shape.ts'
import { type Input, inputs, slices } from '../work.ts'
import { openErrand, runningWorker } from './errand.ts'
import type { FlowClient } from './flow-side.ts'

/** How many are enqueued at once. */
const together = 100

interface Tasks {
  readonly first: Task<Input, FlowResult>
  readonly next: Task<FlowResult, FlowResult>
  readonly join: Task<FlowResult[], FlowResult>
}

export async function openErrandFlows(store: string): Promise<FlowClient> {
  const errand = openErrand(store)
  let handler: FlowHandler = () => {
    throw new Error('A step was started before there was a worker')
  }
  const tasks: Tasks = {
    first: errand.task<Input, FlowResult>('flow.first', () => handler([])),
    next: errand.task<FlowResult, FlowResult>('flow.next', (before) => handler([before])),
    join: errand.task<FlowResult[], FlowResult>('flow.join', (before) => handler(before)),
  }
  const graph = graphOf(tasks)
  await errand.open()

  return {
    send: (shape, flows) => sendAll(errand, shape, flows, (given) => flowOf(tasks, graph, shape, given)),
    worker: (newHandler) => {
      handler = newHandler

      return runningWorker(errand)
    },
    close: () => errand.close(),
  }
}

async function sendAll(
  errand: Errand,
  { size }: FlowShape,
  flows: number,
  flowFor: (given: Input[]) => Step<void, FlowResult>,
) {
  for (const slice of slices(Array.from({ length: flows }), together)) {
    await Promise.all(slice.map(() => errand.enqueue(flowFor(inputs(size)))))
  }
}

function flowOf({ first, next, join }: Tasks, graph: ReturnType<typeof graphOf>, shape: FlowShape, given: Input[]) {
  switch (shape.name) {
    case 'chain':
      return Array.from({ length: shape.size - 1 }).reduce<Step<void, FlowResult>>(
        (before) => chain(before, next),
        first.with(given[0]!),
      )
    case 'chord':
      return chord(mapEach(first, given), join)
    case 'graph':
      return graph.with(given)
  }
}

function graphOf({ first, join }: Tasks) {
  return workflow<FlowResult, Input[]>('graph', (w, given) => {
    let at = 0
    const parts = graphParts.map((size) => {
      const firsts = Array.from({ length: size }, () => w.step(first, given[at++]! as never))

      return w.step(join, firsts.map(({ result }) => result) as never)
    })

    return w.step(join, parts.map(({ result }) => result) as never)
  })
}
