/** Whether a store is there, asked without making one. */
import { openConnection } from './connection/connection.ts'
import { resolveOptions, type PostgresOptions } from './connection/options.ts'
import { isMigrated } from './migrate.ts'

/** What is missing, for people, or undefined. @throws what opening the store would */
export async function missing(options: PostgresOptions): Promise<string | undefined> {
  const { where, schema } = resolveOptions(options)
  const connection = await openConnection(options)
  try {
    if (await isMigrated(connection.query, schema)) return undefined

    return `There is no store in schema "${schema}" of ${where}: no process has opened one there.`
  } finally {
    await connection.close()
  }
}
