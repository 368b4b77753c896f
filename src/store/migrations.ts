/** The schema of an engine that has one: numbered files, each run once, forward only. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Migration {
  readonly version: number
  readonly file: string
  readonly sql: string
  /** Processes that know the schema up to this version can go on beside it. */
  readonly oldest: number
}

export function migrationsIn(folder: URL): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => {
      const sql = readFileSync(new URL(file, folder), 'utf8')
      const version = Number.parseInt(file, 10)
      const [, oldest] = /^-- oldest: (\d+)$/m.exec(sql) ?? []

      return { version, file, sql, oldest: Number(oldest ?? version) }
    })
}
