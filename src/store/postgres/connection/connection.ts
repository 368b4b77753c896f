/** What the engine needs from its connections; how they are made, watched and mended is this folder's affair. */
import type { Pool, PoolClient, PoolConfig } from 'pg'
import { StoreOpenError } from '../../../errors.ts'

export interface Connection {
  /**
   * Runs one statement, which is a transaction of its own, and gives its rows.
   * Rejects with an error of errors.ts: refused, `StoreBusyError` (nothing has happened), or one whose `outcome` is
   * 'unknown'. An error that the statement raised itself is passed on with its SQLSTATE as `sqlState`.
   *
   * @param options.name prepares the statement under this name, once per connection
   */
  query<Row>(text: string, values?: readonly unknown[], options?: { name?: string }): Promise<Row[]>
  /** Calls back with the payload of every notification on the channel, from when this resolves. */
  listen(channel: string, heard: (payload: string) => void): Promise<void>
  /** Calls back when listening goes on after it was broken: what was told meanwhile is lost. */
  onReconnect(callback: () => void): void
  close(): Promise<void>
}

export interface ConnectionOptions {
  readonly url?: string
  readonly pool?: Pool
}

export async function openConnection({ url, pool }: ConnectionOptions): Promise<Connection> {
  const { default: pg } = await import('pg').catch(() => {
    throw new StoreOpenError('The package "pg" is missing. Install it beside "errand" to use PostgreSQL.')
  })
  const config: PoolConfig = { connectionString: url, max: 10 }
  return new PooledConnection(pool ?? new pg.Pool(config), pool === undefined)
}

class PooledConnection implements Connection {
  readonly #pool: Pool
  readonly #owned: boolean
  #listener: PoolClient | undefined

  constructor(pool: Pool, owned: boolean) {
    this.#pool = pool
    this.#owned = owned
  }

  async query<Row>(text: string, values: readonly unknown[] = [], options: { name?: string } = {}): Promise<Row[]> {
    const { rows } = await this.#pool.query({ text, values: [...values], ...options })
    return rows as Row[]
  }

  async listen(channel: string, heard: (payload: string) => void): Promise<void> {
    this.#listener ??= await this.#pool.connect()
    this.#listener.on('notification', (told) => {
      if (told.channel === channel) heard(told.payload ?? '')
    })
    await this.#listener.query(`listen "${channel.replaceAll('"', '""')}"`)
  }

  onReconnect(): void {}

  async close(): Promise<void> {
    this.#listener?.release(true)
    if (this.#owned) await this.#pool.end()
  }
}
