/** The engines under test: where their stores lie, and how one is opened with settings that a URL cannot say. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Store } from 'errand'
import type { Env } from '../../src/env.ts'
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'

export type Synchronous = 'full' | 'normal'

export interface Engine {
  /** What a folder's store is called. */
  readonly place: (folder: string) => string
  readonly open: (place: string, env: Env, synchronous: Synchronous) => Promise<Store>
  /** Whether somebody is in the act of writing: one who is frozen then keeps all others waiting. */
  readonly isLocked: (place: string) => boolean
}

/** Those whose store several processes can share. */
export const engines: Readonly<Record<string, Engine>> = {
  sqlite: {
    place: (folder) => join(folder, 'errand.db'),
    open: async (path, env, synchronous) => new SqliteStore({ path, env, synchronous }),
    isLocked: isFileLocked,
  },
}

function isFileLocked(path: string): boolean {
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    db.exec('begin immediate; rollback')
    return false
  } catch (error) {
    if ((error as { errcode?: number }).errcode === 5) return true
    throw error
  } finally {
    db.close()
  }
}
