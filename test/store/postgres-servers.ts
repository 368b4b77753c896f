/** A PostgreSQL for a test file, with short words for what its tests do with it. */
import { after, type TestContext } from 'node:test'
import { openConnection, type Connection } from '../../src/store/postgres/connection/connection.ts'
import type { PostgresOptions } from '../../src/store/postgres/connection/options.ts'
import { findPostgres, startPostgres, type PostgresServer } from '../servers.ts'

/** Undefined, with a line that says why, where there is none. */
export async function aPostgres(settings: readonly string[] = []): Promise<PostgresServer | undefined> {
  const program = await findPostgres()
  if (!program) return undefined
  const server = await startPostgres(program, ['fsync=off', ...settings])
  after(() => server.stop())

  return server
}

export async function aConnection(t: TestContext, options: PostgresOptions): Promise<Connection> {
  const connection = await openConnection(options)
  t.after(() => connection.close())

  return connection
}
