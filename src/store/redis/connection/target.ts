/** How clients are made: from the place that a URL names, or from the settings of a client that the user has. */
import type { Host, Place } from './place.ts'
import { loadPeer, type MakeClient, type RedisClient, type UserClient } from './peer.ts'

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

/** What a user's client, or Cluster, was made with. */
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

/** The client itself is left alone: it is copied, with its own copy of ioredis, which need not lie where ours would be found. */
export async function targetOf(client: UserClient): Promise<Target> {
  if ((client as { isCluster?: boolean }).isCluster) return targetOfCluster(client)
  const source = client as unknown as { duplicate(settings: object): RedisClient }
  const make: MakeClient = (settings) => source.duplicate(settings)
  const options = client.options as UserOptions
  const { tls, sentinels, name, db } = options
  const common = { tls: Boolean(tls), ...(db ? { db } : {}) }
  if (!sentinels) {
    const host = { host: options.path ?? options.host ?? '127.0.0.1', port: options.port ?? 6379 }
    return { place: { kind: 'server', hosts: [host], ...common }, make, server: {}, sentinel: {}, reached: natOf(null) }
  }
  const hosts = sentinels.map((each) => hostOf(each, 26_379))
  const { sentinelUsername: username, sentinelPassword: password, sentinelTLS, enableTLSForSentinelMode } = options
  return {
    place: { kind: 'sentinel', hosts, sentinelName: name ?? '', ...common },
    make,
    server: { sentinels: null, tls: enableTLSForSentinelMode ? tls : undefined },
    // What was meant for the server must not be told to its Sentinels.
    sentinel: { sentinels: null, username: username ?? null, password: password ?? null, tls: sentinelTLS, db: 0 },
    reached: natOf(options.natMap),
  }
}

async function targetOfCluster(client: UserClient): Promise<Target> {
  const { redisOptions, natMap } = client.options as UserOptions
  const nodes = (client as { startupNodes?: readonly Node[] }).startupNodes ?? []

  return {
    place: { kind: 'cluster', hosts: nodes.map((node) => hostOf(node, 6379)), tls: Boolean(redisOptions?.tls) },
    make: await loadPeer(),
    server: { ...redisOptions },
    sentinel: {},
    reached: natOf(natMap),
  }
}

/** A node as ioredis lets it be written: a port, a URL, `host:port`, or an object. */
function hostOf(node: Node, defaultPort: number): Host {
  if (typeof node === 'number') return { host: '127.0.0.1', port: node }
  if (typeof node !== 'string') return { host: node.host ?? '127.0.0.1', port: Number(node.port ?? defaultPort) }
  const { hostname, port } = new URL(node.includes('//') ? node : `redis://${node}`)

  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
}

function natOf(map: NatMap | null | undefined): (host: Host) => Host {
  if (!map) return (host) => host

  return (host) => {
    const key = `${host.host}:${host.port}`
    return (typeof map === 'function' ? map(key) : map[key]) ?? host
  }
}
