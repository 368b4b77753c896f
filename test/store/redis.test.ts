import { conformance } from '../../src/testing/conformance/conformance.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from './redis-harness.ts'

const program = await findRedis()

if (program !== undefined) conformance(await redisHarness(program))
