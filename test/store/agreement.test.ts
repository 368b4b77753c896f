import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { agreement } from '../../src/testing/agreement/agreement.ts'
import type { Script } from '../../src/testing/agreement/script.ts'

const kept = join(import.meta.dirname, 'regressions')
const regressions = Object.fromEntries(
  globSync('*.json', { cwd: kept }).map((file) => [
    basename(file, '.json'),
    JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script,
  ]),
)

const folder = mkdtempSync(join(tmpdir(), 'errand-agreement-'))
let files = 0

agreement(
  { name: 'memory', open: async (env) => new MemoryStore({ env }) },
  {
    name: 'sqlite',
    open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env }),
    cleanup: async () => rmSync(folder, { recursive: true }),
  },
  { regressions },
)
