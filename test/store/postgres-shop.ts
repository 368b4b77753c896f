/** An application with tables of its own beside Errand's, for tests of transactions. */
import type { TestContext } from 'node:test'
import pg from 'pg'
import { Errand } from '../../src/index.ts'
import { PostgresStore } from '../../src/store/postgres/postgres.ts'
import type { PostgresServer } from '../servers.ts'

let schemas = 0

export interface Shop {
  readonly errand: Errand
  readonly pool: pg.Pool
  readonly schema: string
  /** A client for the length of the test. */
  readonly client: () => Promise<pg.PoolClient>
  readonly query: (text: string) => Promise<Record<string, unknown>[]>
}

/** An app with a schema of its own, and the application's own pool and table beside it. */
export async function aShop(t: TestContext, server: PostgresServer): Promise<Shop> {
  const schema = `shop_${++schemas}`
  const store = new PostgresStore({ url: server.url, schema })
  const errand = new Errand({ store })
  await errand.open()
  const pool = new pg.Pool({ connectionString: server.url })
  await pool.query(`create table ${schema}.effect (n int)`)
  const clients: pg.PoolClient[] = []
  t.after(async () => {
    for (const client of clients) client.release(true)
    await errand.close()
    await pool.end()
  })
  const client = async () => {
    const taken = await pool.connect()
    clients.push(taken)
    return taken
  }

  return {
    errand,
    pool,
    schema,
    client,
    query: async (text) => (await pool.query(text)).rows as Record<string, unknown>[],
  }
}

/** Runs `body` in a transaction of a client of `pg`. */
export async function within<T>(pool: pg.Pool, body: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect()
  try {
    await tx.query('begin')
    const answer = await body(tx)
    await tx.query('commit')
    return answer
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
}
