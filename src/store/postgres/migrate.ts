/** Brings the schema to this version: runs the numbered files that it has not had. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from './connection/connection.ts'

const folder = join(import.meta.dirname, 'migrations')

/** The files are written for a schema called `errand`; this is one for another. */
export function inSchema(sql: string, schema: string): string {
  return schema === 'errand' ? sql : sql.replaceAll(/\berrand\./g, () => `"${schema}".`)
}

export async function migrate(connection: Connection, schema: string): Promise<void> {
  const [there] = await connection.query('select from pg_catalog.pg_namespace where nspname = $1', [schema])
  if (there) return

  const files = globSync('*.sql', { cwd: folder }).toSorted()
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'))
  await connection.query(`create schema "${schema}"; ${inSchema(texts.join('\n'), schema)}`)
}
