import { findRedis } from '../servers.ts'
import { redisHarness } from '../store/redis-harness.ts'
import { sqliteHome } from './sqlite-home.ts'
import { asked, askedOnDisk, carriedWhole } from './whole.ts'

const program = await findRedis()

if (program !== undefined) {
  carriedWhole(await redisHarness(program), asked)
  carriedWhole(await redisHarness(program), { ...askedOnDisk, home: sqliteHome({ synchronous: 'normal' }) })
}
