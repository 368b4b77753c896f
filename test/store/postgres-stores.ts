/** PostgreSQL stores for tests: one server per file, and a schema for each store. */
import pg from 'pg'
import { PostgresStore, quiet } from '../../src/store/postgres/postgres.ts'
import type { ManualEnv } from '../../src/testing/manual-env.ts'
import type { CallersTransaction, StoreHarness } from '../../src/testing/conformance/harness.ts'
import { startPostgres, type PostgresServer } from '../servers.ts'

/** Quicker than in life; what a power cut does is another test's subject. */
const settings = ['fsync=off', 'max_connections=300', 'shared_buffers=64MB', 'autovacuum_naptime=5s']

export interface PostgresStores extends StoreHarness {
  readonly server: PostgresServer
}

export async function postgresStores(program: string, more: readonly string[] = []): Promise<PostgresStores> {
  const server = await startPostgres(program, [...settings, ...more])
  const schemas = new WeakMap<object, string>()
  let count = 0

  const open = async (schema: string, env: ManualEnv) => {
    // Where a server stands for all clocks, a client that has started anew finds that time has passed.
    const sinceBoot = env.bootId === 'boot-1' ? 0 : 1_000_000_000
    const clock = () => ({ now: env.now(), monotonic: env.monotonic() + sinceBoot })
    const store = new PostgresStore({ url: server.url, schema, env, clock, connections: 2 })
    const others = env.onIdle
    env.onIdle = async () => {
      await others?.()
      await quiet(store)
    }
    schemas.set(store, schema)
    return store
  }

  return {
    name: 'postgres',
    server,
    open: (env) => open(`s${++count}`, env),
    again: (store, env) => open(schemas.get(store)!, env),
    transaction: () => begun(server.url),
    cleanup: () => server.stop(),
  }
}

async function begun(connectionString: string): Promise<CallersTransaction> {
  const tx = new pg.Client({ connectionString })
  await tx.connect()
  await tx.query('begin')
  const end = (how: 'commit' | 'rollback') => async () => {
    await tx.query(how)
    await tx.end()
  }

  return { tx, commit: end('commit'), rollback: end('rollback') }
}
