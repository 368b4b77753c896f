import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from '../store/redis-harness.ts'
import { carriedWhole } from './whole.ts'

const program = await findRedis()
const [lives, first] = [Number(process.env['SEEDS'] ?? 25), Number(process.env['SEED'] ?? 1)]
const folder = mkdtempSync(join(tmpdir(), 'errand-whole-'))
let files = 0

if (program !== undefined) {
  carriedWhole(await redisHarness(program), { lives, first })
  carriedWhole(await redisHarness(program), {
    // A life on a disk takes its time.
    lives: Math.ceil(lives / 6),
    first,
    home: {
      name: 'sqlite',
      open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env, synchronous: 'normal' }),
      cleanup: async () => rmSync(folder, { recursive: true }),
    },
  })
}
