import { failover } from './failover.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a failover with the link cut loses no job that was acknowledged with `wait=1`', failover, {
  on: ['redis'],
})
