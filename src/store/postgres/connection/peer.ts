/** What is used of `pg`, which is loaded when a PostgreSQL store is first opened and may be missing. */
import { loadOptional } from '../../optional-package.ts'
import { columnTypes } from './column-types.ts'

interface PgResult {
  readonly rows: unknown[]
}

/** One statement, as `pg` takes it. */
export interface PgStatement {
  readonly text: string
  readonly values?: unknown[]
  readonly name?: string
  readonly types?: PgTypes
}

export interface PgTypes {
  getTypeParser(oid: number, format?: string): (text: never) => unknown
}

interface PgClient {
  query(statement: PgStatement): Promise<PgResult>
  on(event: 'error', listener: (error: Error) => void): unknown
}

export interface PooledClient extends PgClient {
  /** What the server, or whoever stands before it, has called this session. */
  readonly processID?: number | null
  /** With an error: the connection is closed instead of being used again. */
  release(error?: Error | boolean): void
}

export interface ListeningClient extends PgClient {
  connect(): Promise<unknown>
  end(): Promise<void>
  unref(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (told: { channel: string; payload?: string | undefined }) => void): unknown
  readonly connection: { readonly stream: { destroy(): unknown } }
}

/** A `Pool` of `pg`, as narrow as it is used. */
export interface PgPool {
  readonly options: object
  readonly totalCount: number
  readonly idleCount: number
  connect(): Promise<PooledClient>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'acquire', listener: (client: PooledClient) => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'acquire', listener: (client: PooledClient) => void): unknown
}

export type PgConfig = object

/** Not as the package's types describe it. */
interface ArrayParser {
  create(text: string, transform: (text: string) => unknown): { parse(): unknown }
}

export interface Peer {
  pool(config: PgConfig): PgPool
  client(config: PgConfig): ListeningClient
  readonly types: PgTypes
}

/** @throws StoreOpenError when pg is not there, or is of no use */
export async function loadPeer(): Promise<Peer> {
  const wanted = { name: 'pg', engine: 'PostgreSQL', oldest: '8.12' }
  const { default: pg } = await loadOptional(
    wanted,
    () => import('pg'),
    ({ default: found }) => [found?.Pool, found?.Client].every((part) => typeof part === 'function'),
  )

  return {
    pool: (config) => new pg.Pool(config) as unknown as PgPool,
    client: (config) => new pg.Client(config) as unknown as ListeningClient,
    types: columnTypes((text, transform) =>
      (pg.types.arrayParser as unknown as ArrayParser).create(text, transform).parse(),
    ),
  }
}
