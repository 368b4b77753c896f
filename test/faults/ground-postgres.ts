/** A PostgreSQL for all scenes of a process, since making one takes seconds, with a schema for each. */
import pg from 'pg'
import { findPostgres, startPostgres, type PostgresServer } from '../servers.ts'
import type { Ground, GroundOptions, GroundServer } from './ground.ts'

const commit = { full: 'on', normal: 'off' } as const
const impatient = 'connectTimeout=500&commandTimeout=500'
let shared: Promise<PostgresServer> | undefined
let schemas = 0

export async function postgresGround({ folder, ownDisk, synchronous }: GroundOptions): Promise<Ground> {
  const server = ownDisk ? await start(synchronous, folder) : await (shared ??= start(synchronous))
  const schema = `scene_${++schemas}`

  return {
    place: `${server.url}?schema=${schema}`,
    isLocked: () => false,
    close: async () => (ownDisk ? server.stop() : drop(server, schema)),
    server: controlOf(server, schema),
  }
}

/** For the end of a process that has had scenes. */
export async function closePostgres(): Promise<void> {
  const server = shared
  shared = undefined
  await server?.then((started) => started.stop())
}

async function start(synchronous: keyof typeof commit, folder?: string): Promise<PostgresServer> {
  const program = await findPostgres()
  if (program === undefined) throw new Error('There is no PostgreSQL server.')

  return startPostgres(program, [`synchronous_commit=${commit[synchronous]}`, 'max_connections=500'], folder)
}

function controlOf(server: PostgresServer, schema: string): GroundServer {
  return {
    port: server.port,
    placeBy: (port) => `postgres://postgres@127.0.0.1:${port}/postgres?schema=${schema}&${impatient}`,
    down: (how) => server.down(how === 'killed' ? 'SIGKILL' : 'SIGINT'),
    up: () => server.up(),
    endConnections: () =>
      ask(
        server,
        `select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
      ),
  }
}

const drop = (server: PostgresServer, schema: string) => ask(server, `drop schema if exists ${schema} cascade`)

async function ask({ url }: PostgresServer, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
