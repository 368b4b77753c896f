import { clock } from './clock.ts'
import { shortLane } from './short-lane.ts'

shortLane('clocks that jump by an hour neither lose nor double a job', clock)
