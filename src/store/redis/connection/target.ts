/** How clients are made: from the place that a URL names, or from the settings of a client that the user has. */
import type { Host, Place } from './place.ts'
import { loadPeer, type MakeClient, type RedisClient } from './peer.ts'

export interface Target {
  readonly place: Pick<Place, 'kind' | 'hosts' | 'sentinelName' | 'tls' | 'db'>
  readonly make: MakeClient
  /** Settings of clients for the server itself. */
  readonly server: Readonly<Record<string, unknown>>
  /** Settings of clients for the Sentinels. */
  readonly sentinel: Readonly<Record<string, unknown>>
  /** Where a host that Sentinels or a Cluster name is reached from here. */
  readonly reached: (host: Host) => Host
}

export async function targetAt(place: Place): Promise<Target> {
  const { tls, username, password, db, sentinelPassword } = place
  const secure = tls && { tls: {} }

  return {
    place,
    make: await loadPeer(),
    server: { ...secure, ...(username && { username }), ...(password && { password }), ...(db && { db }) },
    sentinel: { ...secure, ...(sentinelPassword && { password: sentinelPassword }) },
    reached: (host) => host,
  }
}

/** What a user's client, or Cluster, was made with. The client itself is left alone. */
interface UserOptions {
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly db?: number
  readonly tls?: object
  readonly sentinels?: readonly Partial<Host>[] | null
  readonly name?: string | null
  readonly sentinelUsername?: string
  readonly sentinelPassword?: string
  readonly sentinelTLS?: object
  readonly enableTLSForSentinelMode?: boolean
  readonly natMap?: NatMap | null
  readonly redisOptions?: UserOptions
}

type NatMap = Readonly<Record<string, Host>> | ((key: string) => Host | null)
type Node = string | number | Partial<Host>

export async function targetOf(client: RedisClient): Promise<Target> {
  const options = client.options as UserOptions
  const cluster = client as unknown as { isCluster?: boolean; startupNodes?: readonly Node[] }
  const reached = natOf(options.natMap)
  if (cluster.isCluster) {
    const server = { ...options.redisOptions }
    const hosts = (cluster.startupNodes ?? []).map(hostOf)
    return {
      place: { kind: 'cluster', hosts, tls: Boolean(server.tls) },
      make: await loadPeer(),
      server,
      sentinel: {},
      reached,
    }
  }

  // The user's own copy of ioredis, which need not lie where ours would be found.
  const Client = client.constructor as new (options: object) => RedisClient
  const make: MakeClient = (settings) => new Client(settings)
  const { tls, sentinels, name, db } = options
  if (!sentinels) {
    const host = { host: options.path ?? options.host ?? '127.0.0.1', port: options.port ?? 6379 }
    return {
      place: { kind: 'server', hosts: [host], tls: Boolean(tls), ...(db ? { db } : {}) },
      make,
      server: { ...options },
      sentinel: {},
      reached,
    }
  }
  const { sentinelUsername: username, sentinelPassword: password, sentinelTLS, enableTLSForSentinelMode } = options
  return {
    place: {
      kind: 'sentinel',
      hosts: sentinels.map(hostOf),
      sentinelName: name ?? '',
      tls: Boolean(tls),
      ...(db ? { db } : {}),
    },
    make,
    server: { ...options, sentinels: null, tls: enableTLSForSentinelMode ? tls : undefined },
    sentinel: { username, password, tls: sentinelTLS },
    reached,
  }
}

/** A node as ioredis lets it be written: a port, a URL, `host:port`, or an object. */
function hostOf(node: Node): Host {
  if (typeof node === 'number') return { host: '127.0.0.1', port: node }
  if (typeof node !== 'string') return { host: node.host ?? '127.0.0.1', port: Number(node.port ?? 6379) }
  const { hostname, port } = new URL(node.includes('//') ? node : `redis://${node}`)

  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 6379) }
}

function natOf(map: NatMap | null | undefined): (host: Host) => Host {
  if (!map) return (host) => host

  return (host) => {
    const key = `${host.host}:${host.port}`
    return (typeof map === 'function' ? map(key) : map[key]) ?? host
  }
}
