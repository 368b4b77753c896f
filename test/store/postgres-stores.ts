/**
 * PostgreSQL stores for tests: one server per file, and a schema for each store. Making one takes most of a test's time, so
 * what closed stores leave behind is emptied and used again.
 */
import pg from 'pg'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import { quiet } from '../../src/store/postgres/quiet.ts'
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
  const free = new FreeSchemas(server.url)

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
    free.use(schema, store)
    return store
  }

  return {
    name: 'postgres',
    server,
    open: async (env) => open(await free.take(), env),
    again: (store, env) => open(schemas.get(store)!, env),
    transaction: () => begun(server.url),
    cleanup: () => server.stop(),
  }
}

/** Names of schemas that no open store uses. */
class FreeSchemas {
  readonly #url: string
  readonly #users = new Map<string, number>()
  readonly #free = new Set<string>()
  #made = 0

  constructor(url: string) {
    this.#url = url
  }

  async take(): Promise<string> {
    const [schema] = this.#free
    if (schema === undefined) return `s${++this.#made}`
    this.#free.delete(schema)

    const client = new pg.Client({ connectionString: this.#url })
    await client.connect()
    await client.query(emptying(schema))
    await client.end()
    return schema
  }

  /** Until the store is closed. One that is opened again is free no longer. */
  use(schema: string, store: PostgresStore): void {
    this.#free.delete(schema)
    this.#users.set(schema, (this.#users.get(schema) ?? 0) + 1)
    const { close } = store
    let closing: Promise<void> | undefined
    store.close = () => (closing ??= close().then(() => this.#closed(schema)))
  }

  #closed(schema: string): void {
    const left = this.#users.get(schema)! - 1
    this.#users.set(schema, left)
    if (left === 0) this.#free.add(schema)
  }
}

/** As it was made. */
const emptying = (schema: string) => `do $$
  declare
    each text;
  begin
    -- A store that was never used has made nothing.
    if to_regclass('${schema}.stamp') is null then return; end if;
    for each in select tablename from pg_tables where schemaname = '${schema}' and tablename not in ('migration', 'stamp') loop
      execute format('delete from ${schema}.%I', each);
    end loop;
    for each in select sequencename from pg_sequences where schemaname = '${schema}' loop
      perform setval(format('${schema}.%I', each)::regclass, 1, false);
    end loop;
    update ${schema}.stamp set at = null;
    insert into ${schema}.moving (identity) values (null);
  end $$`

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
