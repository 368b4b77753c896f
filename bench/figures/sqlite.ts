/** On one file: beside plainjob, which does the same, and BullMQ, which needs a server. */
import { atLeast, atMost, beside, drained, errandOn, type Figure, type Sizes, type Step } from './figure.ts'
import { claims } from './growth.ts'

export function sqliteFigures(sizes: Sizes): Figure[] {
  return [...[false, true].flatMap((loaded) => throughput(sizes, loaded)), ...waiting(sizes), ...backlogs(sizes)]
}

function throughput(sizes: Sizes, loaded: boolean): Figure[] {
  const name = (figure: string) => (loaded ? `${figure}.loaded` : figure)
  const shared = { engine: 'sqlite', unit: 'jobs/s', loaded } as const
  const drain = drained(sizes.drain)
  const single = [{ stage: 'enqueue-single', jobs: sizes.single }] as const
  const many = [{ stage: 'enqueue-many', jobs: sizes.many }] as const

  return [
    {
      ...shared,
      name: name('drain'),
      says: 'run by one worker',
      ours: errandOn('sqlite', drain),
      beside: [beside('plainjob', drain, atLeast(8)), beside('bullmq', drain, atLeast(4))],
    },
    {
      ...shared,
      name: name('enqueue.single'),
      says: '1,000 concurrent single enqueues',
      ours: errandOn('sqlite', single),
      beside: [beside('plainjob', single, atLeast(3.5)), beside('bullmq', single)],
    },
    {
      ...shared,
      name: name('enqueue.many'),
      says: 'enqueueMany, 1,000 a call',
      ours: errandOn('sqlite', many),
      beside: [beside('plainjob', many, atLeast(0.5)), beside('bullmq', many, atLeast(4))],
    },
    {
      ...shared,
      name: name('together'),
      says: 'one producer and two workers, three processes; beside a drain',
      ours: errandOn('sqlite', [{ stage: 'together', jobs: sizes.together }]),
      beside: [beside('bullmq', drain, atLeast(2))],
    },
  ]
}

function waiting(sizes: Sizes): Figure[] {
  const inProcess = [{ stage: 'latency', jobs: sizes.latency }] as const
  const across = [{ stage: 'latency-across', jobs: sizes.latency }] as const
  const peers = (steps: readonly Step[]) => (['plainjob', 'bullmq'] as const).map((side) => beside(side, steps))

  return [
    {
      engine: 'sqlite',
      name: 'latency',
      says: 'idle, from enqueue to start, p50, in one process',
      unit: 'ms',
      loaded: false,
      ours: errandOn('sqlite', inProcess),
      limit: atMost(0.3),
      beside: peers(inProcess),
    },
    {
      engine: 'sqlite',
      name: 'latency.across',
      says: 'the same across two processes',
      unit: 'ms',
      loaded: false,
      ours: errandOn('sqlite', across),
      limit: atMost(3),
      beside: peers(across),
    },
    {
      engine: 'sqlite',
      name: 'hold',
      says: 'longest hold of the event loop, enqueueing and running at once',
      unit: 'ms',
      loaded: false,
      ours: errandOn('sqlite', [{ stage: 'hold', jobs: sizes.hold }]),
      limit: atMost(20),
      beside: [],
    },
    {
      engine: 'sqlite',
      name: 'idle',
      says: 'a worker with nothing to do',
      unit: '% of a core',
      loaded: false,
      ours: errandOn('sqlite', [{ stage: 'idle', jobs: 1000 }]),
      limit: atMost(1),
      beside: [],
    },
  ]
}

function backlogs(sizes: Sizes): Figure[] {
  const grown: readonly Step[] = [
    { stage: 'fill', jobs: sizes.memory },
    { stage: 'memory', jobs: sizes.memory },
  ]

  return (['waiting', 'finished', 'delayed'] as const).flatMap((backlog): Figure[] => [
    claims('sqlite', sizes, backlog),
    {
      engine: 'sqlite',
      name: `backlog.${backlog}.memory`,
      says: `growth of a worker that runs ${sizes.memory.toLocaleString('en')} jobs, a million ${backlog}`,
      unit: 'MiB',
      loaded: false,
      ours: errandOn('sqlite', grown, backlog),
      limit: atMost(150),
      beside: [],
    },
  ])
}
