import { kill } from './kill.ts'
import { shortLane } from './short-lane.ts'

shortLane('processes killed at every named point and at random lose no acknowledged job', kill)
