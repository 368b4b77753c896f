/** What the server says of itself, read from the texts of INFO and CONFIG GET. Managed servers may answer only the first. */

export interface ServerFacts {
  /** 'Redis', 'Valkey' or 'Dragonfly'. */
  readonly product: string
  /** The version of Redis that it is, or says it is like. */
  readonly version: readonly [number, number, number]
  readonly maxmemoryPolicy: string | undefined
  readonly maxmemoryBytes: number
  readonly usedBytes: number
  readonly aof: boolean
  /** When what was appended is forced to the disk; undefined where the server does not tell. */
  readonly appendfsync: string | undefined
  /** Whether it is not while the file is rewritten. */
  readonly noFsyncOnRewrite: boolean
  /** The intervals of snapshots; undefined where the server does not tell, '' for none. */
  readonly save: string | undefined
  /** What it says of its last writing to disk, where that failed. */
  readonly diskTrouble: string | undefined
  readonly replicas: number
  readonly minReplicasToWrite: number
}

export type Config = Readonly<Record<string, string | undefined>>

/** Settings that INFO does not tell. */
export const wantedConfig = ['appendfsync', 'no-appendfsync-on-rewrite', 'save', 'min-replicas-to-write'] as const

export function readFacts(info: string, config: Config): ServerFacts {
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':')
      return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const]
    }),
  )
  const number = (field: string) => Number(fields.get(field) ?? 0)
  const replicas = [...fields].filter(([field, value]) => /^slave\d+$/.test(field) && value.includes('state=online'))

  return {
    product: fields.has('valkey_version') ? 'Valkey' : fields.has('dragonfly_version') ? 'Dragonfly' : 'Redis',
    version: readVersion(fields.get('redis_version') ?? ''),
    maxmemoryPolicy: fields.get('maxmemory_policy'),
    maxmemoryBytes: number('maxmemory'),
    usedBytes: number('used_memory'),
    aof: fields.get('aof_enabled') === '1',
    appendfsync: config['appendfsync'],
    noFsyncOnRewrite: config['no-appendfsync-on-rewrite'] === 'yes',
    save: config['save'],
    diskTrouble: diskTrouble(fields),
    replicas: replicas.length,
    minReplicasToWrite: Number(config['min-replicas-to-write'] ?? 0),
  }
}

function readVersion(text: string): ServerFacts['version'] {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map((part) => Number.parseInt(part, 10) || 0)

  return [major, minor, patch]
}

function diskTrouble(fields: ReadonlyMap<string, string>): string | undefined {
  const failed = ['rdb_last_bgsave_status', 'aof_last_bgrewrite_status', 'aof_last_write_status'].find(
    (field) => fields.get(field) === 'err',
  )

  return failed && `${failed}:err`
}
