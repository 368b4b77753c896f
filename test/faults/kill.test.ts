import { kill } from './kill.ts'
import { shortLane } from './short-lane.ts'

await shortLane('processes killed at every named point and at random lose no acknowledged job', kill, {
  on: ['sqlite', 'redis', 'postgres'],
})
