/**
 * Brings the schema up to date: numbered files, each run once, forward only.
 *
 * Runs under the write lock, so of several processes that open a new file one migrates and
 * the others find it done. A released file is never edited; a test keeps the checksums.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { StoreOpenError, StoreTooNewError } from '../../errors.ts'

export interface Migration {
  readonly version: number
  readonly file: string
  readonly sql: string
}

/** 'ERND': says that a file is ours before anything in it is believed. */
export const applicationId = 0x45524e44

export function migrations(): Migration[] {
  const folder = new URL('./migrations/', import.meta.url)

  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => ({ version: Number.parseInt(file, 10), file, sql: readFileSync(new URL(file, folder), 'utf8') }))
}

export function migrate(db: DatabaseSync, where: string): void {
  const known = migrations()
  if (isCurrent(db, where, known)) return

  db.exec('begin immediate')
  try {
    // Another process may have done it while this one waited for the lock.
    if (!isCurrent(db, where, known)) {
      const from = versionOf(db)
      for (const { sql } of known.filter(({ version }) => version > from)) db.exec(sql)
      db.exec(`pragma user_version = ${known.at(-1)!.version}; pragma application_id = ${applicationId}`)
    }
    db.exec('commit')
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function isCurrent(db: DatabaseSync, where: string, known: readonly Migration[]): boolean {
  const [found, newest] = [versionOf(db), known.at(-1)!.version]
  if (found > newest) throw new StoreTooNewError(where, found, newest)

  const { application_id: owner } = db.prepare('pragma application_id').get() as { application_id: number }
  const { tables } = db.prepare('select count(*) as tables from sqlite_schema').get() as { tables: number }
  if (owner !== applicationId && (owner !== 0 || tables > 0)) {
    throw new StoreOpenError(
      `${where} is a SQLite file of another program, so no store was made in it. Choose another path.`,
    )
  }
  return found === newest
}

function versionOf(db: DatabaseSync): number {
  return (db.prepare('pragma user_version').get() as { user_version: number }).user_version
}
