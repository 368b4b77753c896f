import { storm } from './storm.ts'
import { shortLane } from './short-lane.ts'

await shortLane('a storm of ended connections neither loses nor doubles a job', storm, { on: ['redis', 'postgres'] })
