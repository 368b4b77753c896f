/** Files of SQLite for stores that move, in a folder that goes with them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import type { StoreHarness } from '../../src/testing/conformance/harness.ts'

export function sqliteHome(options: { synchronous?: 'full' | 'normal' } = {}): StoreHarness {
  const folder = mkdtempSync(join(tmpdir(), 'errand-whole-'))
  let files = 0

  return {
    name: 'sqlite',
    open: async (env) => new SqliteStore({ path: join(folder, `${++files}.db`), env, ...options }),
    cleanup: async () => rmSync(folder, { recursive: true }),
  }
}
