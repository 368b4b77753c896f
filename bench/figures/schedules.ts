/** Schedules: those that are not due cost nothing, and those that are come in time. */
import type { EngineName } from '../sides/names.ts'
import { atMost, errandOn, type Figure, type Sizes } from './figure.ts'

export function scheduleFigures(engine: EngineName, { schedules, ticks }: Sizes): Figure[] {
  const held = schedules.toLocaleString('en')
  const cost = [{ stage: 'tick-cost', jobs: ticks }] as const
  const shared = { engine, loaded: false, beside: [] } as const

  return [
    {
      ...shared,
      name: 'schedules.due',
      says: `${ticks.toLocaleString('en')} ticks due at once, ${held} schedules held`,
      unit: 'us/tick',
      ours: errandOn(engine, cost, 'schedules'),
      beside: [
        {
          contender: {
            ...errandOn(engine, [{ stage: 'hold-schedules', jobs: 100 }, ...cost]),
            label: 'a hundred held',
          },
          ratio: atMost(1.25),
        },
      ],
    },
    {
      ...shared,
      name: 'schedules.late',
      says: `from a tick to its handler, p99, 200 ticks a second, ${held} schedules held`,
      unit: 'ms',
      ours: errandOn(engine, [{ stage: 'tick-lateness', jobs: ticks }], 'schedules'),
      limit: atMost(100),
    },
    {
      ...shared,
      name: 'schedules.memory',
      says: `growth of a worker that ticks, ${held} schedules held`,
      unit: 'MiB',
      ours: errandOn(engine, [{ stage: 'tick-growth', jobs: ticks }], 'schedules'),
      limit: atMost(150),
    },
  ]
}
