/**
 * Where a Redis store is, and how that is written as a URL:
 *
 *     redis://user:password@host:6379/0          one server; rediss:// speaks TLS
 *     redis://h1:26379,h2:26379/0?sentinel=main  three Sentinels know where "main" is
 *     redis://h1:7000,h2:7001/?cluster           some nodes of a Cluster
 *
 * Other parameters after the question mark are options of the store: `?prefix=shop&wait=1`.
 */
import { StoreOpenError, UnknownOptionError } from '../../../errors.ts'
import { nearest } from '../../../nearest.ts'

export interface Host {
  readonly host: string
  readonly port: number
}

export interface Place {
  readonly kind: 'server' | 'sentinel' | 'cluster'
  /** The server itself, the Sentinels, or nodes of the cluster. */
  readonly hosts: readonly Host[]
  /** What the Sentinels call it. */
  readonly sentinelName?: string
  readonly tls: boolean
  readonly username?: string
  readonly password?: string
  readonly db?: number
  readonly sentinelPassword?: string
}

export interface ReadUrl {
  readonly place: Place
  /** Options of the store among the URL's parameters, as they were written. */
  readonly options: Readonly<Record<string, string>>
}

const form = /^(rediss?):\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const ownParameters = ['sentinel', 'sentinelPassword', 'cluster']

/** @throws StoreOpenError, UnknownOptionError */
export function readUrl(url: string, optionNames: readonly string[]): ReadUrl {
  const [, scheme, identity, hostList = '', db = '', query = ''] = form.exec(url) ?? []
  if (scheme === undefined)
    throw new StoreOpenError(`"${withoutPassword(url)}" is no URL of a Redis store. ${expected}`)

  const parameters = new URLSearchParams(query)
  const known = [...ownParameters, ...optionNames]
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw new UnknownOptionError(name, 'the URL of the store', nearest(name, known), known)
  }
  const place: Place = {
    ...kindOf(parameters, url),
    hosts: hostsOf(hostList, parameters.has('sentinel') ? 26_379 : 6379, url),
    tls: scheme === 'rediss',
    ...identityOf(identity),
    ...dbOf(db, parameters.has('cluster'), url),
    ...(parameters.has('sentinelPassword') && { sentinelPassword: parameters.get('sentinelPassword')! }),
  }
  if (place.kind === 'server' && place.hosts.length > 1) {
    throw new StoreOpenError(
      `"${withoutPassword(url)}" names ${place.hosts.length} hosts. Add "?sentinel=" and the name of the master if they are Sentinels, "?cluster" if they are nodes of a Cluster.`,
    )
  }
  const options = [...parameters].filter(([name]) => !ownParameters.includes(name))
  return { place, options: Object.fromEntries(options) }
}

const expected =
  'Expected "redis://host:port/db", "redis://sentinel1,sentinel2/?sentinel=name" or "redis://node1,node2/?cluster"; rediss:// for TLS.'

const withoutPassword = (url: string) => url.replace(/\/\/.*@/, '//…@').replace(/(sentinelPassword=)[^&]*/, '$1…')

function kindOf(parameters: URLSearchParams, url: string): Pick<Place, 'kind' | 'sentinelName'> {
  const sentinelName = parameters.get('sentinel')
  const cluster = parameters.has('cluster') && parameters.get('cluster') !== 'false'
  if (sentinelName === null) return { kind: cluster ? 'cluster' : 'server' }
  if (sentinelName === '' || cluster) {
    throw new StoreOpenError(`"${withoutPassword(url)}" does not say which store is meant. ${expected}`)
  }
  return { kind: 'sentinel', sentinelName }
}

function hostsOf(list: string, defaultPort: number, url: string): Host[] {
  return (list || '127.0.0.1').split(',').map((each) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(each) ?? []
    const host = bracketed ?? plain
    if (host !== undefined && Number(port ?? 1) <= 65_535) return { host, port: Number(port ?? defaultPort) }

    throw new StoreOpenError(`"${withoutPassword(url)}" has no usable host and port at "${each}". ${expected}`)
  })
}

function identityOf(identity: string | undefined): Pick<Place, 'username' | 'password'> {
  if (identity === undefined) return {}
  const colon = identity.indexOf(':')
  const parts = colon === -1 ? [identity, ''] : [identity.slice(0, colon), identity.slice(colon + 1)]
  const [username, password] = parts.map(decoded)
  return { ...(username && { username }), ...(password && { password }) }
}

/** A password with a bare % in it is meant as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function dbOf(text: string, cluster: boolean, url: string): Pick<Place, 'db'> {
  if (text === '' || text === '0') return {}
  if (/^\d+$/.test(text) && !cluster) return { db: Number(text) }

  throw new StoreOpenError(
    `"${withoutPassword(url)}" names the database "${text}". ` +
      (cluster ? 'A Cluster has only database 0: tell stores apart by "?prefix=".' : expected),
  )
}

/** For people: no password, no user. */
export function placeName({ kind, hosts, sentinelName, tls, db }: Place): string {
  const list = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  const suffix = kind === 'sentinel' ? `/?sentinel=${sentinelName}` : kind === 'cluster' ? '/?cluster' : ''

  return `${tls ? 'rediss' : 'redis'}://${list}${db ? `/${db}` : ''}${suffix}`
}
