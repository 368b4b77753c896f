import { outages } from './black-hole.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a worker out of reach loses its jobs, and nobody does where it is the store', outages, {
  on: ['redis', 'postgres'],
  together: true,
})
