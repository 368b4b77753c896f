import { clock } from './clock.ts'
import { shortLane } from './short-lane.ts'

await shortLane('clocks that jump by an hour neither lose nor double a job', clock, {
  on: ['sqlite', 'redis', 'postgres'],
  together: true,
})
