import { cut } from './cut.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a connection cut before its reply neither doubles nor strands a job', cut, {
  on: ['redis', 'postgres'],
})
