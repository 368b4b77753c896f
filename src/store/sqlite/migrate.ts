/**
 * Brings the schema up to date: numbered files, each run once, forward only.
 *
 * Runs under the write lock, so of several processes that open a new file one migrates and
 * the others find it done. A released file is never edited; a test keeps the checksums.
 * docs/design/schema-versions.md says what a file may do while older processes go on working.
 *
 * The file may be an application's own: that is how jobs come to share its transactions. So every
 * table and index begins with `errand_`, and the version stands in a table of ours, not in the
 * pragmas that the application may use for itself.
 */
import type { DatabaseSync } from 'node:sqlite'
import { StoreTooNewError } from '../../errors.ts'
import { migrationsIn, type Migration } from '../migrations.ts'

export const migrations = (): Migration[] => migrationsIn(new URL('./migrations/', import.meta.url))

export function migrate(db: DatabaseSync, where: string, known: readonly Migration[] = migrations()): void {
  if (isCurrent(db, where, known)) return

  db.exec('begin immediate')
  try {
    // Another process may have done it while this one waited for the lock.
    if (!isCurrent(db, where, known)) {
      const from = schemaVersion(db)
      for (const { sql } of known.filter(({ version }) => version > from)) db.exec(sql)
      const meta = db.prepare(`insert into errand_meta values (?, ?) on conflict do update set value = excluded.value`)
      meta.run('schema', known.at(-1)!.version)
      meta.run('oldest', Math.max(...known.map(({ oldest }) => oldest)))
    }
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function isCurrent(db: DatabaseSync, where: string, known: readonly Migration[]): boolean {
  const [found, newest] = [schemaVersion(db), known.at(-1)!.version]
  if (found > newest && oldestVersion(db) > newest) throw new StoreTooNewError(where, found, newest)

  return found >= newest
}

/** What a process must know at least to work on this store. */
function oldestVersion(db: DatabaseSync): number {
  const row = db.prepare(`select value from errand_meta where key = 'oldest'`).get() as { value: number } | undefined

  return row?.value ?? schemaVersion(db)
}

/** 0 where there is no store yet. */
export function schemaVersion(db: DatabaseSync): number {
  if (!db.prepare(`select 1 from sqlite_schema where name = 'errand_meta'`).get()) return 0

  return (db.prepare(`select value from errand_meta where key = 'schema'`).get() as { value: number }).value
}
