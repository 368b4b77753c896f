import { freeze } from './freeze.ts'
import { shortLane } from './short-lane.ts'

await shortLane(
  'a worker frozen past its lease writes nothing when it thaws, and one frozen for less loses nothing',
  freeze,
  { on: ['sqlite', 'redis', 'postgres'], together: true },
)
