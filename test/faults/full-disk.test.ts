import { fullDisk } from './full-disk.ts'
import { shortLane } from './short-lane.ts'

await shortLane('on a full disk enqueueing is refused and running jobs are settled', fullDisk, { on: ['sqlite'] })
