import { poison } from './poison.ts'
import { shortLane } from './short-lane.ts'

await shortLane('of many jobs one that kills its workers ends failed, and all others succeed', poison, {
  on: ['sqlite', 'redis', 'postgres'],
})
