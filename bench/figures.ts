/** What is measured, beside whom, and what was promised. */
import type { StageName } from './assignment.ts'
import type { EngineName } from './engines/engine.ts'

/** Stores that take long to fill: made once a run, copied for each turn. */
export type Backlog = 'none' | 'waiting' | 'finished' | 'delayed'

export interface Step {
  stage: StageName
  jobs: number
}

/** One side of a comparison. Its steps run in processes of their own, on one store; the last one's answer counts. */
export interface Contender {
  label: string
  engine: EngineName
  backlog: Backlog
  steps: readonly Step[]
}

export interface Target {
  bound: 'at least' | 'at most'
  value: number
}

export interface Figure {
  name: string
  /** A sentence for the table. */
  says: string
  unit: 'jobs/s' | 'ms' | 'us/job' | 'MiB' | '% of a core'
  loaded: boolean
  ours: Contender
  /** A promise about our own figure. */
  limit?: Target
  /** The others, each with the promise about our figure divided by theirs. */
  beside: readonly { contender: Contender; ratio?: Target }[]
}

/** How many jobs a stage gets. */
export interface Sizes {
  drain: number
  single: number
  many: number
  together: number
  latency: number
  hold: number
  rounds: number
  memory: number
  backlog: number
}

export const fullSizes: Sizes = {
  drain: 100_000,
  single: 100_000,
  many: 200_000,
  together: 200_000,
  latency: 500,
  hold: 100_000,
  rounds: 100,
  memory: 100_000,
  backlog: 1_000_000,
}

export const quickSizes: Sizes = {
  ...fullSizes,
  drain: 30_000,
  single: 30_000,
  many: 50_000,
  together: 60_000,
  latency: 100,
  hold: 50_000,
  rounds: 30,
  memory: 50_000,
}

export function figures(sizes: Sizes): Figure[] {
  return [...[false, true].flatMap((loaded) => throughput(sizes, loaded)), ...waiting(sizes), ...backlogs(sizes)]
}

function throughput(sizes: Sizes, loaded: boolean): Figure[] {
  const name = (figure: string) => (loaded ? `${figure}.loaded` : figure)
  const drained = [
    { stage: 'fill', jobs: sizes.drain },
    { stage: 'drain', jobs: sizes.drain },
  ] as const
  const single = [{ stage: 'enqueue-single', jobs: sizes.single }] as const
  const many = [{ stage: 'enqueue-many', jobs: sizes.many }] as const

  return [
    {
      name: name('drain'),
      says: 'run by one worker',
      unit: 'jobs/s',
      loaded,
      ours: contender('errand', drained),
      beside: [
        { contender: contender('plainjob', drained), ratio: atLeast(8) },
        { contender: contender('bullmq', drained), ratio: atLeast(4) },
      ],
    },
    {
      name: name('enqueue.single'),
      says: '1,000 concurrent single enqueues',
      unit: 'jobs/s',
      loaded,
      ours: contender('errand', single),
      beside: [
        { contender: contender('plainjob', single), ratio: atLeast(3.5) },
        { contender: contender('bullmq', single) },
      ],
    },
    {
      name: name('enqueue.many'),
      says: 'enqueueMany, 1,000 a call',
      unit: 'jobs/s',
      loaded,
      ours: contender('errand', many),
      beside: [
        { contender: contender('plainjob', many), ratio: atLeast(0.5) },
        { contender: contender('bullmq', many), ratio: atLeast(4) },
      ],
    },
    {
      name: name('together'),
      says: 'one producer and two workers, three processes; beside a drain',
      unit: 'jobs/s',
      loaded,
      ours: contender('errand', [{ stage: 'together', jobs: sizes.together }]),
      beside: [{ contender: contender('bullmq', drained), ratio: atLeast(2) }],
    },
  ]
}

function waiting(sizes: Sizes): Figure[] {
  const inProcess = [{ stage: 'latency', jobs: sizes.latency }] as const
  const across = [{ stage: 'latency-across', jobs: sizes.latency }] as const
  const peers = (steps: readonly Step[]) =>
    (['plainjob', 'bullmq'] as const).map((engine) => ({ contender: contender(engine, steps) }))

  return [
    {
      name: 'latency',
      says: 'idle, from enqueue to start, p50, in one process',
      unit: 'ms',
      loaded: false,
      ours: contender('errand', inProcess),
      limit: atMost(0.3),
      beside: peers(inProcess),
    },
    {
      name: 'latency.across',
      says: 'the same across two processes',
      unit: 'ms',
      loaded: false,
      ours: contender('errand', across),
      limit: atMost(3),
      beside: peers(across),
    },
    {
      name: 'hold',
      says: 'longest hold of the event loop, enqueueing and running at once',
      unit: 'ms',
      loaded: false,
      ours: contender('errand', [{ stage: 'hold', jobs: sizes.hold }]),
      limit: atMost(20),
      beside: [],
    },
    {
      name: 'idle',
      says: 'a worker with nothing to do',
      unit: '% of a core',
      loaded: false,
      ours: contender('errand', [{ stage: 'idle', jobs: 1000 }]),
      limit: atMost(1),
      beside: [],
    },
  ]
}

function backlogs(sizes: Sizes): Figure[] {
  const rounds = [{ stage: 'claims', jobs: sizes.rounds }] as const
  const atAThousand = { ...contender('errand', rounds), label: 'a thousand' }
  const grown: readonly Step[] = [
    { stage: 'fill', jobs: sizes.memory },
    { stage: 'memory', jobs: sizes.memory },
  ]

  return (['waiting', 'finished', 'delayed'] as const).flatMap((backlog): Figure[] => [
    {
      name: `backlog.${backlog}.claims`,
      says: `claimed and run in rounds of 1,000, a million ${backlog}`,
      unit: 'us/job',
      loaded: false,
      ours: { ...contender('errand', rounds), backlog },
      beside: [{ contender: atAThousand, ratio: atMost(1.25) }],
    },
    {
      name: `backlog.${backlog}.memory`,
      says: `growth of a worker that runs ${sizes.memory.toLocaleString('en')} jobs, a million ${backlog}`,
      unit: 'MiB',
      loaded: false,
      ours: { ...contender('errand', grown), backlog },
      limit: atMost(150),
      beside: [],
    },
  ])
}

function contender(engine: EngineName, steps: readonly Step[]): Contender {
  return { label: engine, engine, backlog: 'none', steps }
}

function atLeast(value: number): Target {
  return { bound: 'at least', value }
}

function atMost(value: number): Target {
  return { bound: 'at most', value }
}
