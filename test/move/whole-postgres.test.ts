import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { findPostgres } from '../servers.ts'
import { postgresStores } from '../store/postgres-stores.ts'
import { carriedWhole } from './whole.ts'

const program = await findPostgres()
const [lives, first] = [Number(process.env['SEEDS'] ?? 25), Number(process.env['SEED'] ?? 1)]
const folder = mkdtempSync(join(tmpdir(), 'errand-whole-'))
let files = 0

if (program !== undefined) {
  const engine = await postgresStores(program)
  carriedWhole(engine, { lives, first })
  carriedWhole(
    { ...engine, cleanup: async () => {} },
    {
      // A life on a disk takes its time.
      lives: Math.ceil(lives / 6),
      first,
      home: {
        name: 'sqlite',
        open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env, synchronous: 'normal' }),
        cleanup: async () => rmSync(folder, { recursive: true }),
      },
    },
  )
}
