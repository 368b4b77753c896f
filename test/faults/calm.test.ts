import { calm } from './calm.ts'
import { shortLane } from './short-lane.ts'

await shortLane('without a fault every job runs exactly once', calm, {
  on: ['sqlite', 'redis', 'postgres'],
  together: true,
})
