/** Whether a store is there, and what its server is like, asked without making one. */
import type { Inspection } from '../store.ts'
import { openConnection, type Connection } from './connection/connection.ts'
import { resolveOptions, type PostgresOptions } from './connection/options.ts'
import { inspectServer } from './inspect.ts'
import { isMigrated } from './migrate.ts'

/** What is missing, for people, or undefined. @throws what opening the store would */
export function missing(options: PostgresOptions): Promise<string | undefined> {
  const { where, schema } = resolveOptions(options)

  return connectedTo(options, async ({ query }) => {
    if (await isMigrated(query, schema)) return undefined

    return `There is no store in schema "${schema}" of ${where}: no process has opened one there.`
  })
}

/** @throws what opening the store would */
export const serverOf = (options: PostgresOptions): Promise<Inspection[]> =>
  connectedTo(options, ({ query }) => inspectServer(query))

async function connectedTo<T>(options: PostgresOptions, body: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await openConnection(options)
  try {
    return await body(connection)
  } finally {
    await connection.close()
  }
}
