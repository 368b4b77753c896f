/** The service's own SQLite file: accounts, task records, the outbox, uploads. Jobs are in errand's store, not here. */
import { DatabaseSync } from 'node:sqlite'
import { Kysely, type Transaction } from 'kysely'
import { migrate } from './migrate.ts'
import { nodeSqliteDialect } from './node-sqlite-dialect.ts'
import type { Tables } from './tables.ts'

export type Database = Kysely<Tables>
export type DatabaseTransaction = Transaction<Tables>

/** Opens the file, making it where there is none, and brings its tables up to date. */
export function openDatabase(path: string): Database {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
  migrate(database)

  return new Kysely<Tables>({ dialect: nodeSqliteDialect(database) })
}
