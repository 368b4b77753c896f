import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { carriedWhole } from './whole.ts'

const folder = mkdtempSync(join(tmpdir(), 'errand-whole-'))
let files = 0

carriedWhole(
  {
    name: 'sqlite',
    open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env }),
    cleanup: async () => rmSync(folder, { recursive: true }),
  },
  { lives: Number(process.env['SEEDS'] ?? 25), first: Number(process.env['SEED'] ?? 1) },
)
