/** Which server is the master of the store's keys at this moment. Asked anew for each connection: that is how a failover is followed. */
import type { Host } from './place.ts'
import type { Argument } from './peer.ts'
import { isLasting } from './refusals.ts'
import type { Target } from './target.ts'

/** Connects to a host, asks these things at once, and is gone. */
export type Ask = (host: Host, settings: Target['server'], ...questions: readonly Question[]) => Promise<unknown[]>

type Question = readonly [command: string, ...args: Argument[]]

/** @throws why nobody could tell */
export type Locate = () => Promise<Host>

/** @param key one of the store's keys: they all lie in one slot */
export function locator(target: Target, ask: Ask, key: string): Locate {
  const { place, reached } = target
  if (place.kind === 'server') return async () => place.hosts[0]!
  if (place.kind === 'sentinel') return async () => reached(await fromSentinels(target, ask))

  const known = new Map(place.hosts.map((host) => [nameOf(host), host]))
  return async () => {
    const { master, masters } = await fromCluster([...known.values()], target, ask, key)
    // The nodes of the URL may be gone one day.
    for (const host of masters) known.set(nameOf(host), host)
    return master
  }
}

const nameOf = ({ host, port }: Host) => `${host}:${port}`

/** Whoever answers first: one of them may be away, or be cut off without saying so. */
function fromSentinels({ place, sentinel }: Target, ask: Ask): Promise<Host> {
  const name = place.sentinelName!

  return first(place.hosts, async (host) => {
    const [answer] = (await ask(host, sentinel, ['sentinel', 'get-master-addr-by-name', name])) as [
      [string, string] | null,
    ]
    if (!answer) throw new Error(`the Sentinel at ${nameOf(host)} knows no master "${name}"`)

    return { host: answer[0], port: Number(answer[1]) }
  })
}

/** From and to slot, then the nodes that have them, the master first. */
type Slots = readonly (readonly [number, number, readonly [string | null, number, ...unknown[]], ...unknown[]])[]

function fromCluster(hosts: readonly Host[], { server, reached }: Target, ask: Ask, key: string) {
  return first(hosts, async (host) => {
    const answers = await ask(host, server, ['cluster', 'keyslot', key], ['cluster', 'slots'])
    const [slot, slots] = answers as [number, Slots]
    const range = slots.find(([from, to]) => from <= slot && slot <= to)
    if (!range) throw new Error(`the cluster has no node for slot ${slot}`)
    // A node that does not know its own address leaves it out.
    const hostOf = (node: Slots[number][2]) => reached({ host: node[0] || host.host, port: node[1] })

    return { master: hostOf(range[2]), masters: slots.map((each) => hostOf(each[2])) }
  })
}

async function first<T>(hosts: readonly Host[], from: (host: Host) => Promise<T>): Promise<T> {
  try {
    return await Promise.any(hosts.map(from))
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error
    const errors = error.errors as Error[]
    // One that is the wrong one does not speak for another that is only away.
    throw errors.find(({ message }) => !isLasting(message)) ?? errors[0]!
  }
}
