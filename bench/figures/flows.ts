/** Work made of work: steps a second, beside a plain drain of the same engine and beside what others have for it. */
import { type FlowShape, graph, stepsOf } from '../flow-shape.ts'
import type { EngineName } from '../sides/names.ts'
import {
  atLeast,
  atMost,
  beside,
  type Beside,
  drained,
  errandOn,
  type Figure,
  type Sizes,
  type Step,
  type Target,
} from './figure.ts'

interface Flows {
  readonly shape: FlowShape
  readonly flows: number
}

export function flowFigures(engine: EngineName, sizes: Sizes): Figure[] {
  const { chain, chains, chord, graphs } = sizes
  const ofThree: FlowShape = { name: 'chain', size: 3 }
  const rates = [
    { name: 'chain', says: `a chain of ${shown(chain)}`, shape: { name: 'chain', size: chain }, flows: 1, slow: 1 },
    { name: 'chains', says: `${shown(chains)} chains of 3`, shape: ofThree, flows: chains, slow: 300 },
    { name: 'chord', says: `a chord of ${shown(chord)}`, shape: { name: 'chord', size: chord }, flows: 1, slow: 1 },
    { name: 'graph', says: `${shown(graphs)} workflows of 20 steps`, shape: graph, flows: graphs, slow: 50 },
  ] as const

  return [
    ...rates.map(({ name, says, shape, flows, slow }): Figure => ({
      engine,
      name: `flows.${name}`,
      says: `${says}, run by one worker`,
      unit: 'steps/s',
      loaded: false,
      ours: errandOn(engine, flowSteps('run-flows', { shape, flows })),
      beside: [
        ownDrain(engine, sizes, 0.5),
        plainJobs(engine, flows * stepsOf(shape)),
        ...(engine === 'redis' ? peers({ shape, flows }, Math.min(flows, slow)) : []),
      ],
    })),
    ...joins(engine, sizes),
  ]
}

/** As many jobs as there are steps: what a worker that has just started gets done of them, before its code is fast. */
const plainJobs = (engine: EngineName, jobs: number): Beside => ({
  contender: { ...errandOn(engine, drained(jobs)), label: 'drain of as many' },
})

export function ownDrain(engine: EngineName, sizes: Sizes, least: number): Beside {
  return { contender: { ...errandOn(engine, drained(sizes.drain)), label: 'own plain drain' }, ratio: atLeast(least) }
}

function peers(all: Flows, slow: number): Beside[] {
  return [
    beside('bullmq', flowSteps('run-flows', all), atLeast(5)),
    beside('celery', flowSteps('run-flows', { ...all, flows: slow }), atLeast(10)),
  ]
}

/** The longest single step of a large join, and memory. */
function joins(engine: EngineName, { chord, flowMemory }: Sizes): Figure[] {
  const large: Flows = { shape: { name: 'chord', size: chord }, flows: 1 }
  const alone = (name: string, says: string, unit: Figure['unit'], steps: readonly Step[], limit: Target): Figure => ({
    engine,
    name: `flows.${name}`,
    says,
    unit,
    loaded: false,
    ours: errandOn(engine, steps),
    limit,
    beside: [],
  })

  return [
    alone(
      'chord.hold',
      `longest hold of a worker's event loop, a chord of ${shown(chord)}`,
      'ms',
      flowSteps('hold-flows', large),
      atMost(20),
    ),
    ...(engine === 'redis'
      ? [
          alone(
            'chord.server',
            `longest command of the server, a chord of ${shown(chord)}`,
            'ms',
            flowSteps('server-hold-flows', large),
            atMost(10),
          ),
        ]
      : []),
    alone(
      'memory',
      `growth of a worker that runs ${shown(flowMemory)} steps of chains of 3`,
      'MiB',
      flowSteps('grow-flows', { shape: { name: 'chain', size: 3 }, flows: flowMemory / 3 }),
      atMost(150),
    ),
  ]
}

function flowSteps(stage: Step['stage'], { shape, flows }: Flows): readonly Step[] {
  const jobs = flows * stepsOf(shape)

  return [
    { stage: 'send-flows', jobs, flow: shape },
    { stage, jobs, flow: shape },
  ]
}

function shown(count: number): string {
  return count.toLocaleString('en')
}
