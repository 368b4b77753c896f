import {
  atLeast,
  atMost,
  beside,
  drained,
  drainedBy,
  errandOn,
  type Figure,
  type Sizes,
  type Step,
  type Target,
} from './figure.ts'
import { growth } from './growth.ts'
import { startDelays } from './start-delays.ts'

export function redisFigures(sizes: Sizes): Figure[] {
  return [
    ...throughput(sizes),
    ...serverCosts(sizes),
    ...startDelays('redis', sizes, ['bullmq']),
    ...growth('redis', sizes),
  ]
}

function throughput(sizes: Sizes): Figure[] {
  const shared = { engine: 'redis', unit: 'jobs/s', loaded: false } as const
  const many = (jobs: number): Step[] => [{ stage: 'enqueue-many', jobs }]
  const single = (jobs: number): Step[] => [{ stage: 'enqueue-single', jobs }]

  return [
    {
      ...shared,
      name: 'enqueue.many',
      says: 'enqueueMany, 1,000 a call and three calls at once',
      ours: errandOn('redis', many(sizes.many)),
      beside: [beside('bullmq', many(sizes.many), atLeast(5)), ...pythons(many(sizes.slowEnqueue))],
    },
    {
      ...shared,
      name: 'enqueue.single',
      says: '1,000 concurrent single enqueues; Celery and RQ one after the other',
      ours: errandOn('redis', single(sizes.single)),
      beside: [beside('bullmq', single(sizes.single), atLeast(5)), ...pythons(single(sizes.slowEnqueue))],
    },
    {
      ...shared,
      name: 'drain',
      says: 'run by one worker',
      ours: errandOn('redis', drained(sizes.drain)),
      beside: [beside('bullmq', drained(sizes.drain), atLeast(7)), ...pythons(drained(sizes.slowDrain))],
    },
    {
      ...shared,
      name: 'drain.two',
      says: 'run by two worker processes',
      ours: errandOn('redis', drainedBy(2, sizes.drain)),
      beside: [beside('bullmq', drainedBy(2, sizes.drain), atLeast(7)), ...pythons(drainedBy(2, sizes.slowDrain))],
    },
  ]
}

function pythons(steps: readonly Step[]) {
  return [beside('celery', steps), beside('rq', steps)]
}

function serverCosts(sizes: Sizes): Figure[] {
  const cost = (name: string, says: string, unit: 'us/job' | 'bytes/job', steps: Step[], ratio: Target): Figure => ({
    engine: 'redis',
    name,
    says,
    unit,
    loaded: false,
    ours: errandOn('redis', steps),
    beside: [beside('bullmq', steps, ratio)],
  })
  const jobs = sizes.drain

  return [
    cost(
      'server.enqueue',
      'processor time of the server, enqueueMany',
      'us/job',
      [{ stage: 'server-enqueue', jobs }],
      atMost(0.25),
    ),
    cost(
      'server.run',
      'processor time of the server, run by one worker',
      'us/job',
      [
        { stage: 'fill', jobs },
        { stage: 'server-run', jobs },
      ],
      atMost(0.25),
    ),
    cost(
      'server.bytes',
      'memory of the server for a waiting job',
      'bytes/job',
      [{ stage: 'server-bytes', jobs }],
      atMost(0.5),
    ),
  ]
}
