import { restart } from './restart.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a server that is restarted or killed loses and doubles nothing', restart, {
  on: ['redis', 'postgres'],
  together: true,
})
