import { flows } from './flows.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a chord joins exactly once, whoever is killed', flows, {
  on: ['sqlite', 'redis'],
  together: true,
})
