import { powerCut } from './power-cut.ts'
import { shortLane } from './short-lane.ts'

shortLane('a power cut loses no acknowledged job', powerCut)
