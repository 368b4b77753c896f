/** Limits: what keeping them costs those who stay within, and whom a flood holds up. */
import type { LimitKind } from '../assignment.ts'
import type { EngineName } from '../sides/names.ts'
import { atLeast, atMost, errandOn, type Figure, type Sizes, type Step } from './figure.ts'

/** Waiting beside the small tenant's one job. */
const flood = 10_000

export function limitFigures(engine: EngineName, { drain, keys, tenant }: Sizes): Figure[] {
  const drained = (limits: LimitKind): readonly Step[] => [
    { stage: 'fill-keys', jobs: drain, keys, limits },
    { stage: 'drain-keys', jobs: drain, keys, limits },
  ]
  const unlimited = { ...errandOn(engine, drained('none')), label: 'unlimited' }
  const waits = (others: number): readonly Step[] => [{ stage: 'tenant-wait', jobs: tenant, flood: others }]

  return [
    ...(['concurrency', 'rate'] as const).map((kind): Figure => ({
      engine,
      name: `limits.${kind}`,
      says: `run by one worker, ${keys.toLocaleString('en')} keys that each have a limit of ${kind}`,
      unit: 'jobs/s',
      loaded: false,
      ours: errandOn(engine, drained(kind)),
      beside: [{ contender: unlimited, ratio: atLeast(0.7) }],
    })),
    {
      engine,
      name: 'limits.fair',
      says: `a small tenant's wait beside another's ${flood.toLocaleString('en')} jobs, p99`,
      unit: 'ms',
      loaded: false,
      ours: errandOn(engine, waits(flood)),
      beside: [{ contender: { ...errandOn(engine, waits(0)), label: 'alone' }, ratio: atMost(2) }],
    },
  ]
}
