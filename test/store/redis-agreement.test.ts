import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { agreement } from '../../src/testing/agreement/agreement.ts'
import type { Script } from '../../src/testing/agreement/script.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from './redis-harness.ts'

const kept = join(import.meta.dirname, 'regressions')
const regressions = Object.fromEntries(
  globSync('*.json', { cwd: kept }).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script,
  ]),
)
const program = await findRedis()

if (program !== undefined) {
  agreement({ name: 'memory', open: async (env) => new MemoryStore({ env }) }, await redisHarness(program), {
    regressions,
  })
}
