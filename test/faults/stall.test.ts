import { stall } from './stall.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a stalled event loop neither loses a job nor doubles one silently', stall, {
  on: ['sqlite', 'redis', 'postgres'],
  together: true,
})
