/** Files to put stores in, removed when their test is over. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { SqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite/sqlite.ts'

export function aFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-sqlite-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function aStore(
  t: TestContext,
  options: Partial<SqliteStoreOptions> = {},
): SqliteStore & { readonly path: string } {
  const path = options.path ?? join(aFolder(t), 'errand.db')
  const store = new SqliteStore({ ...options, path })
  t.after(() => store.close())
  return Object.assign(store, { path })
}
