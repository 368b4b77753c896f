import { powerCut } from './power-cut.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a power cut loses no acknowledged job', powerCut, { on: ['sqlite', 'redis', 'postgres'] })
