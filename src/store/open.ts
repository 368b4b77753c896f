/** From a URL to an engine. The only file that knows them all; each is loaded when first asked for. */
import { existsSync } from 'node:fs'
import type { Env } from '../env.ts'
import { InvalidOptionError, StoreOpenError } from '../errors.ts'
import { resolveOptions as postgresOptions, type PostgresOptions } from './postgres/connection/options.ts'
import { isPostgresUrl } from './postgres/connection/place.ts'
import { resolveOptions, type RedisOptions } from './redis/connection/options.ts'
import { placeName } from './redis/connection/place.ts'
import { readSqliteUrl } from './sqlite/place.ts'
import type { Inspection, Store } from './store.ts'

export type { PostgresOptions } from './postgres/connection/options.ts'
export type { RedisOptions } from './redis/connection/options.ts'

/** A store with settings that a URL has no room for. It opens when it is first used. */
export interface StoreOpener {
  /** Where it is, for people: without a password. */
  readonly place: string
  open(env: Env): Promise<Store>
  /** What is missing where no store is there yet, in a sentence; asked without making one. */
  missing?(): Promise<string | undefined>
  /** What can be said of its server where no store is there yet. */
  inspectServer?(): Promise<Inspection[]>
}

/** The oldest Node that Errand runs on, as package.json says it. */
export const oldestNode = '24.15'

/** Why this Node is too old, or undefined. */
export function refusalOfNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined

  return `Errand needs Node ${oldestNode} or newer, this is ${version} (${process.execPath}).`
}

/**
 * A store on Redis, by URL or with a client of your own: `new Errand({ store: redisStore({ client, prefix: 'shop' }) })`.
 *
 * @throws InvalidOptionError, UnknownOptionError, StoreOpenError for a URL that makes no sense
 */
export function redisStore(options: RedisOptions): StoreOpener {
  const { from } = resolveOptions(options)

  return {
    place: 'kind' in from ? placeName(from) : 'redis',
    async open(env) {
      const { RedisStore } = await import('./redis/redis.ts')
      return RedisStore.open({ ...options, env })
    },
    async missing() {
      const { missing } = await import('./redis/missing.ts')
      return missing(options)
    },
  }
}

/**
 * A store on PostgreSQL, by URL or with a pool of your own: `new Errand({ store: postgresStore({ pool, schema: 'jobs' }) })`.
 *
 * @throws InvalidOptionError, UnknownOptionError, StoreOpenError for a URL that makes no sense
 */
export function postgresStore(options: PostgresOptions): StoreOpener {
  const { from, where, schema } = postgresOptions(options)

  return {
    place: typeof from === 'string' ? `${where}?schema=${schema}` : 'postgres',
    async open(env) {
      const { PostgresStore } = await import('./postgres/postgres.ts')
      return new PostgresStore({ ...options, env })
    },
    async missing() {
      const { missing } = await import('./postgres/missing.ts')
      return missing(options)
    },
    async inspectServer() {
      const { serverOf } = await import('./postgres/missing.ts')
      return serverOf(options)
    },
  }
}

/** @throws InvalidOptionError for what can be no store */
export function checkStore(store: string | StoreOpener | Store): string | StoreOpener | Store {
  if (typeof store === 'string' || (typeof store === 'object' && ('engine' in store || 'open' in store))) return store

  throw new InvalidOptionError('`store`', store, 'a URL, what `redisStore` or `postgresStore` gives, or a store')
}

/**
 * What is missing where no store is there yet, for people; asked without making one. Undefined too where a store needs nothing to be
 * made. @throws as opening it would
 */
export async function missingAt(from: string | StoreOpener | Store): Promise<string | undefined> {
  if (typeof from !== 'string') return 'missing' in from ? from.missing?.() : undefined
  if (from.startsWith('sqlite:')) {
    return existsSync(readSqliteUrl(from).path) ? undefined : `There is no store at "${from}": no such file here.`
  }
  if (isPostgresUrl(from)) return postgresStore({ url: from }).missing?.()

  return isRedisUrl(from) ? redisStore({ url: from }).missing?.() : undefined
}

/** What can be said of a store's server where no store is there yet. @throws as opening it would */
export async function inspectServerAt(from: string | StoreOpener | Store): Promise<Inspection[]> {
  const opener = typeof from === 'string' && isPostgresUrl(from) ? postgresStore({ url: from }) : from

  return typeof opener === 'object' && 'inspectServer' in opener ? ((await opener.inspectServer?.()) ?? []) : []
}

const isRedisUrl = (url: string) => /^rediss?:/.test(url)

/** Where a store is, for people: its URL without a password, or the engine's name. */
export function placeOf(store: string | StoreOpener | Store): string {
  if (typeof store === 'string') return store.replace(/\/\/.*@/, '//…@').replace(/(password=)[^&]*/i, '$1…')

  return 'place' in store ? store.place : store.engine
}

/**
 * Opens a store, or the one that a URL names: `memory:`, `sqlite:` with a path, relative or absolute, `redis://` and
 * `rediss://` with a host, or `postgres://` with a host and a database.
 *
 * @throws StoreOpenError when the URL names no engine, or this Node is too old.
 */
export async function openStore(from: string | StoreOpener | Store, env: Env): Promise<Store> {
  const refusal = refusalOfNode(process.versions.node)
  if (refusal !== undefined) throw new StoreOpenError(refusal)
  if (typeof from !== 'string') return 'place' in from ? from.open(env) : from

  return openUrl(from, env)
}

async function openUrl(url: string, env: Env): Promise<Store> {
  const engine = url.slice(0, url.indexOf(':') + 1)
  if (engine === 'memory:') {
    const { MemoryStore } = await import('./memory/memory.ts')
    return new MemoryStore({ env })
  }
  if (engine === 'sqlite:') {
    const place = readSqliteUrl(url)
    const { SqliteStore } = await import('./sqlite/sqlite.ts')
    return new SqliteStore({ ...place, env })
  }
  if (isPostgresUrl(url)) return postgresStore({ url }).open(env)
  if (isRedisUrl(url)) return redisStore({ url }).open(env)
  throw new StoreOpenError(
    `"${placeOf(url)}" names no store. Expected "memory:", "sqlite:" followed by the path of a file, such as ` +
      `"sqlite:data/errand.db", "redis://" followed by a host, or "postgres://" followed by a host and a database.`,
  )
}
