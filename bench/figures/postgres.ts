import { atLeast, beside, drained, drainedBy, errandOn, type Figure, type Sizes, type Step } from './figure.ts'
import { growth, pinned } from './growth.ts'
import { startDelays } from './start-delays.ts'

export function postgresFigures(sizes: Sizes): Figure[] {
  return [
    ...throughput(sizes),
    ...startDelays('postgres', sizes, ['graphile-worker', 'pg-boss']),
    ...growth('postgres', sizes),
    pinned(sizes),
  ]
}

function throughput(sizes: Sizes): Figure[] {
  const shared = { engine: 'postgres', unit: 'jobs/s', loaded: false } as const
  const many: Step[] = [{ stage: 'enqueue-many', jobs: sizes.many }]
  const single = (jobs: number): Step[] => [{ stage: 'enqueue-single', jobs }]

  return [
    {
      ...shared,
      name: 'drain',
      says: 'run by one worker',
      ours: errandOn('postgres', drained(sizes.drain)),
      beside: [
        beside('graphile-worker', drained(sizes.drain), atLeast(1.5)),
        beside('pg-boss', drained(sizes.drain), atLeast(2.2)),
      ],
    },
    {
      ...shared,
      name: 'drain.three',
      says: 'run by three worker processes',
      ours: errandOn('postgres', drainedBy(3, sizes.drain)),
      beside: [
        beside('graphile-worker', drainedBy(3, sizes.drain), atLeast(1.2)),
        beside('pg-boss', drainedBy(3, sizes.drain), atLeast(2)),
      ],
    },
    {
      ...shared,
      name: 'enqueue.many',
      says: 'enqueueMany, 1,000 a call (pg-boss 5,000) and three calls at once',
      ours: errandOn('postgres', many),
      beside: [beside('graphile-worker', many, atLeast(1.2)), beside('pg-boss', many)],
    },
    {
      ...shared,
      name: 'enqueue.single',
      says: '1,000 concurrent single enqueues',
      ours: errandOn('postgres', single(sizes.single)),
      beside: [
        beside('graphile-worker', single(sizes.slowEnqueue), atLeast(25)),
        beside('pg-boss', single(sizes.slowEnqueue), atLeast(25)),
      ],
    },
  ]
}
