import { rmSync } from 'node:fs'
import os from 'node:os'
import { Client } from 'pg'
import { findPostgres, type PostgresServer, startPostgres } from '../../test/servers.ts'
import type { Stores, Template } from './stores.ts'

/** A quarter of the memory, as its manual begins with, and no more than 2 GiB. */
const sharedBuffersMiB = Math.min(2048, Math.floor(os.totalmem() / 2 ** 20 / 4))

/** What is not named is as PostgreSQL comes: autovacuum too. */
const serverSettings = [
  `shared_buffers=${sharedBuffersMiB}MB`,
  'fsync=on',
  'full_page_writes=on',
  'synchronous_commit=on',
  'autovacuum=on',
]

/** One server for the run, which takes seconds to make, and a database for each turn. */
export async function postgresStores(): Promise<Stores | undefined> {
  const program = await findPostgres()
  if (program === undefined) return undefined

  const server = await startPostgres(program, serverSettings)
  // Stopped midway, it has gigabytes there; its processes take a moment to go.
  process.on('exit', () => rmSync(server.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  const templates = new Set<string>()
  let made = 0
  const filled = async ({ name, fill }: Template) => {
    const database = name.replaceAll('-', '_')
    if (templates.has(database)) return database

    // What a failed attempt has left is no template.
    await administer(server, `drop database if exists ${database} with (force)`)
    await administer(server, `create database ${database}`)
    await fill(addressOf(server, database))
    // As autovacuum would, after a while. A copy knows what is known of the original.
    await administer(server, 'vacuum analyze', database)
    templates.add(database)
    return database
  }

  return {
    version: await versionOf(server),
    settings: `${serverSettings.join(', ')}; a checkpoint before each turn; the same for all sides`,
    async open(template) {
      const original = template && (await filled(template))
      const database = `turn_${(made += 1)}`
      const copied = original === undefined ? '' : ` template ${original} strategy file_copy`
      await administer(server, `create database ${database}${copied}`)
      await administer(server, 'checkpoint')

      return {
        address: addressOf(server, database),
        close: () => administer(server, `drop database ${database} with (force)`),
      }
    },
    close: () => server.stop(),
  }
}

function addressOf({ url }: PostgresServer, database: string): string {
  const address = new URL(url)
  address.pathname = database

  return address.href
}

async function administer(server: PostgresServer, statement: string, database = 'postgres'): Promise<void> {
  await ask(server, statement, database)
}

async function versionOf(server: PostgresServer): Promise<string> {
  const [row] = await ask(server, 'show server_version', 'postgres')

  return row?.server_version?.split(' ')[0] ?? 'unknown'
}

async function ask(server: PostgresServer, statement: string, database: string): Promise<Record<string, string>[]> {
  const client = new Client({ connectionString: addressOf(server, database) })
  await client.connect()
  try {
    return (await client.query<Record<string, string>>(statement)).rows
  } finally {
    await client.end()
  }
}
