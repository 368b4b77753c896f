/** What a server's settings mean for the jobs on it: refused, declared, and said to people. */
import { StoreUnsafeError } from '../../../errors.ts'
import type { Capabilities, Inspection } from '../../store.ts'
import type { ServerFacts } from './server.ts'

type Durability = Capabilities['durability']
type Version = ServerFacts['version']

const oldest: Version = [6, 2, 0]
/** From here on a script can say that it may run when the memory is full. */
const settlesWhenFull: Version = [7, 0, 0]
const mebi = 1 << 20

/** @throws StoreUnsafeError for a server that would lose jobs, or cannot run the scripts */
export function refuseUnsafe(where: string, facts: ServerFacts, force: boolean): void {
  if (isOlder(facts.version, oldest)) {
    throw new StoreUnsafeError(
      `The server at ${where} is ${facts.product} ${facts.version.join('.')}, and Errand needs ${oldest.join('.')} or newer. Upgrade the server.`,
    )
  }
  if (!force) refuseEvicting(where, facts.maxmemoryPolicy)
}

/** @throws StoreUnsafeError */
export function refuseEvicting(where: string, policy: string | undefined): void {
  if (!evicts(policy)) return
  throw new StoreUnsafeError(
    `The server at ${where} has \`maxmemory-policy ${policy}\`: when its memory is full it deletes keys, and with them ` +
      `all jobs at once. Set \`maxmemory-policy noeviction\`, or use another server; \`force\` uses it all the same.`,
  )
}

const evicts = (policy: string | undefined): boolean => policy !== undefined && policy !== 'noeviction'

export const isOlder = (version: Version, than: Version): boolean => {
  const differing = than.findIndex((part, index) => version[index] !== part)

  return differing !== -1 && version[differing]! < than[differing]!
}

/** What a job survives once it is acknowledged. */
export function durabilityOf(facts: ServerFacts, replicas: number): Durability {
  if (replicas > 0) return 'replicated'
  // What is only written to snapshots outlives our processes, and not the server's.
  if (!facts.aof || facts.noFsyncOnRewrite || facts.appendfsync === 'no') return 'process'

  return facts.appendfsync === 'always' ? 'power' : 'second'
}

/** The lines for `doctor`. */
export function inspections(where: string, facts: ServerFacts, replicas: number): Inspection[] {
  return [
    server(where, facts),
    durability(facts, replicas),
    eviction(facts),
    memory(facts),
    replication(facts, replicas),
    disk(facts),
  ]
}

function server(where: string, { product, version }: ServerFacts): Inspection {
  const name = `${where}, ${product} ${version.join('.')}`
  if (!isOlder(version, settlesWhenFull)) return { subject: 'server', verdict: 'good', detail: `${name}.` }

  const detail = `${name}: when its memory is full, ending jobs may be refused too. From version 7 on it is not.`
  return { subject: 'server', verdict: 'warning', detail }
}

const meanings: Readonly<Record<Durability, string>> = {
  none: 'jobs are kept nowhere.',
  process: 'jobs survive the end of your processes; a restart of the server may take all since the last snapshot.',
  second: 'a power cut may take the jobs of the last second.',
  power: 'jobs survive a power cut.',
  replicated: 'a job is acknowledged once replicas have it, and survives the loss of the server.',
}

function durability(facts: ServerFacts, replicas: number): Inspection {
  const level = durabilityOf(facts, replicas)
  const detail = `${persistence(facts)}: ${meanings[level]}`
  if (level === 'replicated' && !facts.aof) {
    const trap =
      'A server that restarts empty before a replica has taken over empties its replicas too: set `appendonly yes`.'
    return { subject: 'durability', verdict: 'warning', detail: `${detail} ${trap}` }
  }
  if (level === 'power' || level === 'replicated') return { subject: 'durability', verdict: 'good', detail }

  const advice =
    level === 'second'
      ? 'Set `appendfsync always` if that is too much.'
      : 'Set `appendonly yes`, `appendfsync always` and `no-appendfsync-on-rewrite no`.'
  return { subject: 'durability', verdict: 'warning', detail: `${detail} ${advice}` }
}

function persistence({ aof, appendfsync, noFsyncOnRewrite, save }: ServerFacts): string {
  if (!aof)
    return save === '' ? 'no persistence' : save === undefined ? 'snapshots at most' : `snapshots only (save ${save})`
  if (appendfsync === undefined) return 'appendonly, and the server does not tell how often it is forced to disk'

  return `appendonly with appendfsync ${appendfsync}${noFsyncOnRewrite ? ', not while the file is rewritten' : ''}`
}

function eviction(facts: ServerFacts): Inspection {
  const { maxmemoryPolicy: policy } = facts
  if (policy === undefined) {
    const detail = 'The server does not tell its maxmemory-policy. Make sure that it is noeviction.'
    return { subject: 'eviction', verdict: 'warning', detail }
  }
  if (!evicts(policy)) return { subject: 'eviction', verdict: 'good', detail: 'maxmemory-policy noeviction.' }

  const detail = `maxmemory-policy ${policy}: jobs are lost when the memory is full. Set noeviction.`
  return { subject: 'eviction', verdict: 'bad', detail }
}

function memory({ usedBytes, maxmemoryBytes }: ServerFacts): Inspection {
  const used = `${inMebi(usedBytes)} used`
  if (maxmemoryBytes === 0) {
    return { subject: 'memory', verdict: 'good', detail: `${used}, no limit set.` }
  }
  const share = usedBytes / maxmemoryBytes
  const detail = `${used} of ${inMebi(maxmemoryBytes)}.`
  if (share < 0.8) return { subject: 'memory', verdict: 'good', detail }

  return {
    subject: 'memory',
    verdict: share < 1 ? 'warning' : 'bad',
    detail: `${detail} At the limit enqueueing is refused; running jobs can still end. Add memory, or keep less with \`keep\`.`,
  }
}

function replication({ replicas: online, minReplicasToWrite }: ServerFacts, wanted: number): Inspection {
  const least = minReplicasToWrite > 0 ? `, and writes need ${minReplicasToWrite}` : ''
  const found = `${online} online${least}`
  if (online < wanted) {
    const detail = `${found}, and \`wait\` asks for ${wanted}: enqueueing will fail. Add replicas, or lower \`wait\`.`
    return { subject: 'replicas', verdict: 'bad', detail }
  }
  if (online > 0 && wanted === 0) {
    const detail = `${found}: a failover may take the last jobs, since none is waited for. Set \`wait\` to prevent that.`
    return { subject: 'replicas', verdict: 'warning', detail }
  }
  return { subject: 'replicas', verdict: 'good', detail: `${found}.` }
}

function disk({ diskTrouble }: ServerFacts): Inspection {
  if (diskTrouble === undefined) return { subject: 'disk', verdict: 'good', detail: 'The last writes succeeded.' }

  return {
    subject: 'disk',
    verdict: 'bad',
    detail: `${diskTrouble}: the server cannot write. Free space, and see its log.`,
  }
}

const inMebi = (bytes: number) => `${(bytes / mebi).toFixed(1)} MiB`
