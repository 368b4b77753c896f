import { findRedis } from '../servers.ts'
import { redisHarness } from '../store/redis-harness.ts'
import { carriedWhole } from './whole.ts'

const program = await findRedis()

if (program !== undefined) {
  carriedWhole(await redisHarness(program), {
    lives: Number(process.env['SEEDS'] ?? 25),
    first: Number(process.env['SEED'] ?? 1),
  })
}
