/** What the engine needs from its connections; how they are made, watched and mended is this folder's affair. */
import { systemEnv, type Env } from '../../../env.ts'
import { Listener } from './listener.ts'
import { resolveOptions, type PostgresOptions, type ResolvedPostgresOptions } from './options.ts'
import { loadPeer, type Peer, type PgConfig, type PgPool } from './peer.ts'
import { Pooled } from './pooled.ts'

export interface QueryOptions {
  /** Prepares the statement under this name, once per connection. */
  readonly name?: string
  /** Jobs that the statement is about, for an error that says that its outcome is unknown. */
  readonly ids?: readonly string[]
  /** After so long without an answer the connection is given up. @default three seconds after the server's own limit */
  readonly silenceMs?: number | undefined
}

export type Query = <Row>(text: string, values?: readonly unknown[], options?: QueryOptions) => Promise<Row[]>

export interface Connection {
  /** The server, without its password, for messages. */
  readonly where: string
  /** False behind a pooler: nothing is told, and who waits must look. */
  readonly listens: boolean
  /** What hands its connections out stands between here and the server, as far as one can see, whether or not the options say so. */
  readonly pooled: boolean
  /**
   * Runs one statement, which is a transaction of its own, and gives its rows. What the server undid because of others is
   * done again. Rejects with an error of errors.ts that says that nothing has happened (busy, away, refused, full, closed),
   * or one whose `outcome` is 'unknown'. An error that the statement raised itself is a `RaisedError` with its SQLSTATE as `sqlState`.
   */
  readonly query: Query
  /** Several statements in one transaction on one connection, without any time limit: for migrations. */
  transaction<T>(body: (query: Query) => Promise<T>): Promise<T>
  /** Calls back with the payload of every notification on the channel, from when this resolves; never, if it rejects. */
  listen(channel: string, heard: (payload: string) => void): Promise<void>
  /** Resolves once it cannot be listened for now, while that is tried on. */
  notListening(): Promise<void>
  /** Calls back when listening goes on after it was broken: what was told meanwhile is lost. */
  onReconnect(callback: () => void): void
  close(): Promise<void>
}

/**
 * @param env the real world, also where the store's own clock is a test's: a server takes real time to answer
 * @throws StoreOpenError when `pg` is missing, InvalidOptionError, UnknownOptionError
 */
export async function openConnection(options: PostgresOptions, env: Env = systemEnv()): Promise<Connection> {
  const resolved = resolveOptions(options)
  const peer = await loadPeer()
  const pooled = new Pooled(env, resolved, peer, poolOf(resolved, peer))
  const listener = hearsSomething(resolved)
    ? new Listener(env, resolved, () => peer.client(listeningConfig(resolved)))
    : undefined

  return {
    where: resolved.where,
    listens: listener !== undefined,
    get pooled() {
      return pooled.behindPooler
    },
    query: (text, values, more) => pooled.query(text, values, more),
    transaction: (body) => pooled.transaction(body),
    listen: async (channel, heard) => listener?.listen(channel, heard),
    notListening: async () => listener?.trouble ?? new Promise(() => {}),
    onReconnect: (callback) => listener?.onReconnect(callback),
    close: async () => {
      await Promise.all([listener?.close(), pooled.close()])
    },
  }
}

const hearsSomething = ({ pooler, listenUrl }: ResolvedPostgresOptions) => !pooler || listenUrl !== undefined

function poolOf({ from, connections, connectMs }: ResolvedPostgresOptions, peer: Peer): PgPool {
  if (typeof from !== 'string') return from

  return peer.pool({
    ...clientConfig(from),
    max: connections,
    connectionTimeoutMillis: connectMs,
    idleTimeoutMillis: 30_000,
    // The last one is kept: a new connection costs its first call ten times what a call costs later.
    min: 1,
    allowExitOnIdle: true,
  })
}

const clientConfig = (url: string) => ({
  connectionString: url,
  ...(!url.includes('application_name=') && { application_name: 'errand' }),
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
})

function listeningConfig({ from, listenUrl, connectMs }: ResolvedPostgresOptions): PgConfig {
  const url = listenUrl ?? from

  // A pool's options hide the password from copying, so they are handed on whole.
  return typeof url === 'string' ? { ...clientConfig(url), connectionTimeoutMillis: connectMs } : url.options
}
