/**
 * Brings the service's tables up to date: the numbered files of `migrations/`, each once and in order.
 *
 * They only go forward. A file that has run must not change any more, and a database from a newer version is refused.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

interface Migration {
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

/** The service's database and this version of the service do not fit together. */
class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

export function migrate(database: DatabaseSync): void {
  database.exec(
    'create table if not exists migrations (name text primary key, checksum text not null, at integer not null) strict',
  )
  database.exec('begin immediate')
  try {
    runMissing(database, migrations())
    database.exec('commit')
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}

function runMissing(database: DatabaseSync, known: readonly Migration[]): void {
  const done = database.prepare('select name, checksum from migrations order by name').all() as unknown as Migration[]
  for (const { name, checksum } of done) checkDone(known, name, checksum)
  const record = database.prepare('insert into migrations (name, checksum, at) values (?, ?, ?)')

  for (const { name, sql, checksum } of known.slice(done.length)) {
    database.exec(sql)
    record.run(name, checksum, Date.now())
  }
}

function checkDone(known: readonly Migration[], name: string, checksum: string): void {
  const same = known.find((each) => each.name === name)
  if (!same) {
    throw new MigrationError(
      `The service's database has been changed by a newer version ("${name}"). Run that version.`,
    )
  }
  if (same.checksum !== checksum) {
    throw new MigrationError(`"${name}" has changed since it ran. Restore the file, and add a new one instead.`)
  }
}

function migrations(): Migration[] {
  const folder = new URL('./migrations/', import.meta.url)

  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
}
