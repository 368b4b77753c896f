/**
 * What many jobs in a store cost those that are run: Errand beside itself.
 *
 * Two kinds. Whole drains say how the rate holds; with other jobs waiting they cannot be had
 * alone, so rounds of 1,000 from one running process say what a claim costs then.
 */
import type { EngineName } from '../sides/names.ts'
import {
  atLeast,
  atMost,
  type Backlog,
  type Beside,
  drained,
  errandOn,
  type Figure,
  type Sizes,
  type Step,
} from './figure.ts'

/** The promise, for rates and for times. */
const rateKept = atLeast(1 / 1.25)
const timeKept = atMost(1.25)

export function growth(engine: EngineName, sizes: Sizes): Figure[] {
  const shared = { engine, unit: 'jobs/s', loaded: false } as const
  const alone: Beside = {
    contender: { ...errandOn(engine, drained(sizes.drain)), label: 'alone' },
    ratio: rateKept,
  }
  const whole: Step[] = [{ stage: 'drain', jobs: sizes.backlog }]

  return [
    {
      ...shared,
      name: 'growth.drain',
      says: `a drain of ${shown(sizes.backlog)}, beside one of ${shown(sizes.drain)}`,
      ours: errandOn(engine, whole, 'waiting'),
      beside: [alone],
    },
    ...(['finished', 'delayed'] as const).map((backlog) => ({
      ...shared,
      name: `growth.${backlog}`,
      says: `a drain of ${shown(sizes.drain)}, ${shown(sizes.backlog)} others ${backlog}`,
      ours: errandOn(engine, drained(sizes.drain), backlog),
      beside: [alone],
    })),
    ...(['100k-waiting', 'waiting', 'finished', 'delayed'] as const).map((backlog) => claims(engine, sizes, backlog)),
  ]
}

/** The same while nothing that has died can be vacuumed. */
export function pinned(sizes: Sizes): Figure {
  const [engine, jobs] = ['postgres', sizes.rounds] as const

  return {
    engine,
    name: 'growth.pinned',
    says: `claimed and run in rounds of 1,000, ${shown(jobs * 4)} of them under an old snapshot`,
    unit: 'us/job',
    loaded: false,
    ours: errandOn(engine, [{ stage: 'pinned', jobs }]),
    beside: [{ contender: { ...errandOn(engine, [{ stage: 'claims', jobs }]), label: 'without it' }, ratio: timeKept }],
  }
}

/** Claimed and run in rounds, beside the same in a store that holds nothing else. */
export function claims(engine: EngineName, sizes: Sizes, backlog: Backlog): Figure {
  const rounds: Step[] = [{ stage: 'claims', jobs: sizes.rounds }]
  const jobs = backlog === '100k-waiting' ? '100,000 waiting' : `a million ${backlog}`

  return {
    engine,
    name: `backlog.${backlog}.claims`,
    says: `claimed and run in rounds of 1,000, ${jobs}`,
    unit: 'us/job',
    loaded: false,
    ours: errandOn(engine, rounds, backlog),
    beside: [{ contender: { ...errandOn(engine, rounds), label: 'a thousand' }, ratio: timeKept }],
  }
}

function shown(jobs: number): string {
  return jobs.toLocaleString('en')
}
