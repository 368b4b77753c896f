/** What a PostgreSQL store takes: said in the URL, or in an object. */
import type { Duration } from '../../../duration.ts'
import { InvalidOptionError } from '../../../errors.ts'
import { checkOptions } from '../../../options.ts'
import { merged, millisecondsOf, wholeNumber, yesOrNo } from '../../option-values.ts'
import type { PgPool } from './peer.ts'
import { placeName, readUrl } from './place.ts'

/** A PostgreSQL, and how to deal with it. Exactly one of `url` and `pool` is given. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. Or give `pool`. */
  url?: string
  /**
   * A `Pool` of `pg`: the store takes its connections from it, and never ends it. For listening it opens one connection
   * beside it, with the same settings.
   */
  pool?: PgPool
  /** Where its tables stand, so that several stores can share a database. Made when it is missing. @default 'errand' */
  schema?: string
  /** The most connections, besides the one that listens. @default 10 */
  connections?: number
  /** How long one try to connect may take. @default '2s' */
  connectTimeout?: Duration
  /** How long a statement may take before the server breaks it off; three seconds later the connection is given up. @default '10s' */
  commandTimeout?: Duration
  /** How long a call waits for a server that is away or busy, also the first one of all, before it fails. @default '5s' */
  waitForServer?: Duration
  /**
   * There is a pooler between here and the server that hands its connections out by the transaction, as pgbouncer's
   * `pool_mode = transaction` does: statements are not prepared, and nothing is heard unless `listenUrl` leads past it.
   * @default false
   */
  pooler?: boolean
  /** Where to listen for work, past a pooler. @default the same as `url`, and nowhere with `pooler` */
  listenUrl?: string
}

const postgresDefaults = {
  schema: 'errand',
  connections: 10,
  connectTimeout: '2s',
  commandTimeout: '10s',
  waitForServer: '5s',
  pooler: false,
} as const

const optionNames = [
  'schema',
  'connections',
  'connectTimeout',
  'commandTimeout',
  'waitForServer',
  'pooler',
  'listenUrl',
] as const satisfies readonly (keyof PostgresOptions)[]

export interface ResolvedPostgresOptions {
  readonly from: string | PgPool
  /** For messages: no password. */
  readonly where: string
  readonly schema: string
  readonly connections: number
  readonly connectMs: number
  readonly commandMs: number
  readonly waitForServerMs: number
  readonly pooler: boolean
  /** Undefined: as `from` says. */
  readonly listenUrl?: string
}

/** What the options say goes before what the URL says. @throws InvalidOptionError, UnknownOptionError, StoreOpenError */
export function resolveOptions(options: PostgresOptions): ResolvedPostgresOptions {
  checkOptions(options, ['url', 'pool', ...optionNames], 'the options of a PostgreSQL store')
  const { url, pool } = options
  if ((url === undefined) === (pool === undefined)) {
    throw new InvalidOptionError('`url` of a PostgreSQL store', url, 'given, or else `pool`, and not both')
  }
  const read = url === undefined ? undefined : readUrl(url, optionNames)
  const all = merged(postgresDefaults, read?.options, options)
  const { listenUrl } = all as PostgresOptions

  return {
    from: read?.connectionString ?? checkPool(pool),
    where: url === undefined ? `the pool's PostgreSQL` : placeName(url),
    schema: checkSchema(all.schema),
    connections: wholeNumber(all.connections, 1, 'connections'),
    connectMs: millisecondsOf(all.connectTimeout, 'connectTimeout'),
    commandMs: millisecondsOf(all.commandTimeout, 'commandTimeout'),
    waitForServerMs: millisecondsOf(all.waitForServer, 'waitForServer'),
    pooler: yesOrNo(all.pooler, '`pooler`'),
    ...(listenUrl !== undefined && { listenUrl: readUrl(listenUrl, []).connectionString }),
  }
}

/** It stands in statements and in the names of channels, and PostgreSQL cuts longer names off. */
function checkSchema(schema: unknown): string {
  if (typeof schema === 'string' && /^[a-z_][a-z0-9_]{0,39}$/.test(schema) && !schema.startsWith('pg_')) return schema

  throw new InvalidOptionError(
    '`schema`',
    schema,
    'small letters, digits and _ only, at most 40, not beginning with a digit or "pg_", such as "errand"',
  )
}

function checkPool(pool: unknown): PgPool {
  const { connect, options } = (pool ?? {}) as Partial<PgPool>
  if (typeof connect === 'function' && typeof options === 'object') return pool as PgPool

  throw new InvalidOptionError('`pool`', pool, 'a pool of pg: `new Pool(…)`')
}
