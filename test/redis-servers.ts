/** Several Redis servers that belong together: a primary and its replica, with a Sentinel, or as a Cluster. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ended, freePort, printed, startRedis, type RedisServer, type Server } from './servers.ts'

/** Connects, asks one thing, and is gone. */
export async function command(port: number, ...words: readonly (string | number)[]): Promise<unknown> {
  // Nothing is asked beside it: a server that is busy answers only a few commands.
  const plain = {
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    disableClientInfo: true,
  } as const
  const client = new Redis({ port, host: '127.0.0.1', protocol: 2, ...plain })
  client.on('error', () => {})
  try {
    const [name, ...args] = words
    await client.connect()
    return await client.call(String(name), ...args)
  } finally {
    client.disconnect()
  }
}

/** Asks again until the answer is good: what servers settle among themselves takes its time. */
export async function until(what: string, ask: () => Promise<boolean>, patienceMs = 15_000): Promise<void> {
  const end = Date.now() + patienceMs
  while (!(await ask().catch(() => false))) {
    if (Date.now() > end) throw new Error(`Waited ${patienceMs} ms in vain until ${what}.`)
    await sleep(20)
  }
}

/** Makes one a replica of the other, by whatever port the other is reached, and waits until it has caught up. */
export async function replicate(replica: RedisServer, primaryPort: number): Promise<void> {
  await command(replica.port, 'replicaof', '127.0.0.1', primaryPort)
  await until('the replica has caught up', async () => {
    const [, , , state] = (await command(replica.port, 'role')) as string[]
    return state === 'connected'
  })
}

/** A Sentinel alone decides here that the primary is gone, and quickly. */
export async function startSentinel(
  program: string,
  primary: RedisServer,
  name: string,
): Promise<Server & { port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-sentinel-'))
  const [port, file] = [await freePort(), join(folder, 'sentinel.conf')]
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 300`,
    `sentinel failover-timeout ${name} 2000`,
  ]
  writeFileSync(file, settings.join('\n'))
  const child = spawn(program, [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  await printed(child, '+monitor')

  return {
    url: `redis://127.0.0.1:${port}/?sentinel=${name}`,
    port,
    async stop() {
      await ended(child, 'SIGKILL')
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface RedisCluster extends Server {
  /** The first three have the slots: a third each. The fourth is a replica of the first. */
  readonly nodes: readonly [RedisServer, RedisServer, RedisServer, RedisServer]
  /** The slot of a key, and which of the three masters had it at the start. */
  place(key: string): Promise<{ slot: number; master: number }>
}

const slots = 16_384
const masters = 3
const share = Math.ceil(slots / masters)

export async function startCluster(program: string): Promise<RedisCluster> {
  const started = await Promise.all(Array.from({ length: masters + 1 }, () => startNode(program)))
  const nodes = started.map(({ node }) => node) as [RedisServer, RedisServer, RedisServer, RedisServer]
  const [first, , , replica] = nodes

  for (const [index, { port }] of nodes.slice(0, masters).entries()) {
    await command(port, 'cluster', 'set-config-epoch', index + 1)
    await command(port, 'cluster', 'addslotsrange', index * share, Math.min(slots, (index + 1) * share) - 1)
  }
  for (const { node, busPort } of started.slice(1)) {
    await command(first.port, 'cluster', 'meet', '127.0.0.1', node.port, busPort)
  }
  const firstId = await idOf(first)
  await until('the fourth node knows the first', () =>
    command(replica.port, 'cluster', 'replicate', firstId).then(() => true),
  )
  await until('all nodes agree', async () => (await Promise.all(nodes.map(agrees))).every(Boolean))

  return {
    url: `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}/?cluster`,
    nodes,
    async place(key) {
      const slot = Number(await command(first.port, 'cluster', 'keyslot', key))
      return { slot, master: Math.floor(slot / share) }
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** A prefix for a store on each of the three masters, in their order. */
export async function prefixesByMaster(cluster: RedisCluster): Promise<readonly string[]> {
  const prefixes: string[] = []
  for (let number = 0; prefixes.filter(Boolean).length < masters; number++) {
    const prefix = `store${number}`
    const { master } = await cluster.place(`{${prefix}}:place`)
    prefixes[master] ??= prefix
  }
  return prefixes
}

async function startNode(program: string): Promise<{ node: RedisServer; busPort: number }> {
  const busPort = await freePort()
  const settings = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '1000']

  return { node: await startRedis(program, [...settings, '--cluster-replica-validity-factor', '0']), busPort }
}

async function agrees({ port }: RedisServer): Promise<boolean> {
  const [info, list] = (await Promise.all([
    command(port, 'cluster', 'info'),
    command(port, 'cluster', 'nodes'),
  ])) as string[]
  const replicas = list!.split('\n').filter((line) => line.includes('slave') && line.includes('connected'))

  return info!.includes('cluster_state:ok') && info!.includes('cluster_known_nodes:4') && replicas.length === 1
}

const idOf = async ({ port }: RedisServer) => String(await command(port, 'cluster', 'myid'))

export interface Move {
  /** Takes over this many of the slot's keys. Gives how many are left. */
  keys(count: number): Promise<number>
  /** From now on the slot belongs to the other. */
  finish(): Promise<void>
}

/** Begins to move a slot between two nodes, as tools for clusters do, and stops wherever the test wants to look. */
export async function moveSlot(cluster: RedisCluster, slot: number, from: RedisServer, to: RedisServer): Promise<Move> {
  const [fromId, toId] = await Promise.all([idOf(from), idOf(to)])
  await command(to.port, 'cluster', 'setslot', slot, 'importing', fromId)
  await command(from.port, 'cluster', 'setslot', slot, 'migrating', toId)

  return {
    async keys(count) {
      const keys = (await command(from.port, 'cluster', 'getkeysinslot', slot, count)) as string[]
      if (keys.length > 0) await command(from.port, 'migrate', '127.0.0.1', to.port, '', 0, 5000, 'keys', ...keys)

      return Number(await command(from.port, 'cluster', 'countkeysinslot', slot))
    },
    async finish() {
      for (const node of [to, from, ...cluster.nodes]) {
        await command(node.port, 'cluster', 'setslot', slot, 'node', toId).catch(() => {})
      }
    },
  }
}
