/** What a Redis store takes: said in the URL, or in an object. */
import type { Duration } from '../../../duration.ts'
import { InvalidOptionError } from '../../../errors.ts'
import { checkOptions } from '../../../options.ts'
import { merged, millisecondsOf, wholeNumber, yesOrNo } from '../../option-values.ts'
import { readUrl, type Place } from './place.ts'
import { isClient, type UserClient } from './peer.ts'

/** A Redis, or Valkey, and how to deal with it. Exactly one of `url` and `client` is given. */
export interface RedisOptions {
  /** Where it is: `redis://`, `rediss://`, Sentinels (`?sentinel=name`) or a Cluster (`?cluster`). Or give `client`. */
  url?: string
  /**
   * A client of ioredis, or its `Cluster`: the store connects as it was told to, with connections of its own, and leaves the
   * client itself alone.
   */
  client?: UserClient
  /** What the names of all its keys begin with, so that several stores can share a server. @default 'errand' */
  prefix?: string
  /** For calls; one more listens. Those beyond the second are for enqueueing. @default 2 */
  connections?: number
  /** How long one try to connect may take. @default '2s' */
  connectTimeout?: Duration
  /** How long the answer to a call may take; then the connection is given up. @default '3s' */
  commandTimeout?: Duration
  /** How long a call waits for a server that is away or busy, also the first one of all, before it fails. @default '5s' */
  waitForServer?: Duration
  /** How many replicas must have a job before enqueueing resolves. @default 0 */
  wait?: number
  /** Use the server even where it evicts keys when its memory is full, and with them jobs. @default false */
  force?: boolean
}

const redisDefaults = {
  prefix: 'errand',
  connections: 2,
  connectTimeout: '2s',
  commandTimeout: '3s',
  waitForServer: '5s',
  wait: 0,
  force: false,
} as const

const optionNames = [
  'prefix',
  'connections',
  'connectTimeout',
  'commandTimeout',
  'waitForServer',
  'wait',
  'force',
] as const satisfies readonly (keyof RedisOptions)[]

export interface ResolvedRedisOptions {
  readonly from: Place | UserClient
  readonly prefix: string
  readonly connections: number
  readonly connectMs: number
  readonly answerMs: number
  readonly waitForServerMs: number
  readonly replicas: number
  readonly force: boolean
}

/** What the options say goes before what the URL says. @throws InvalidOptionError, UnknownOptionError, StoreOpenError */
export function resolveOptions(options: RedisOptions): ResolvedRedisOptions {
  checkOptions(options, ['url', 'client', ...optionNames], 'the options of a Redis store')
  const { url, client } = options
  if ((url === undefined) === (client === undefined)) {
    throw new InvalidOptionError('`url` of a Redis store', url, 'given, or else `client`, and not both')
  }
  const read = url === undefined ? undefined : readUrl(url, optionNames)
  const all = merged(redisDefaults, read?.options, options)

  return {
    from: read?.place ?? checkClient(client),
    prefix: checkPrefix(all.prefix),
    connections: wholeNumber(all.connections, 1, 'connections'),
    connectMs: millisecondsOf(all.connectTimeout, 'connectTimeout'),
    answerMs: millisecondsOf(all.commandTimeout, 'commandTimeout'),
    waitForServerMs: millisecondsOf(all.waitForServer, 'waitForServer'),
    replicas: wholeNumber(all.wait, 0, 'wait', 'a whole number: how many replicas must have a job'),
    force: yesOrNo(all.force, '`force`'),
  }
}

/** It becomes the hash tag that keeps a store's keys in one slot. */
function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && /^[\w.:-]{1,64}$/.test(prefix)) return prefix

  throw new InvalidOptionError('`prefix`', prefix, 'letters, digits and . _ : - only, at most 64, such as "shop"')
}

function checkClient(client: unknown): UserClient {
  const { options } = (client ?? {}) as Partial<UserClient>
  if (typeof options === 'object' && isClient(client)) return client as UserClient

  throw new InvalidOptionError('`client`', client, 'a client of ioredis: `new Redis(…)` or `new Cluster(…)`')
}
