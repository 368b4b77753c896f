/**
 * Black hole: connections that take everything and give nothing, with no end told. One worker's, for longer than its
 * lease: others run its jobs, and nothing of its is written when it is back. Everybody's, or the server away
 * altogether, for longer than all leases: nobody who lives has lost a job by it.
 */
import { startProxy, type Proxy } from '../proxy.ts'
import { pastTheLease } from './freeze.ts'
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import type { Child } from './processes.ts'
import { inScene, pass, type Scene } from './scene.ts'

const leaseMs = 2000
const awayMs = 2.5 * leaseMs
const inHand = 4

async function ofOneWorker(options: LaneOptions): Promise<Row> {
  let proxy: Proxy | undefined
  try {
    return await pastTheLease(options, async (scene) => {
      const way = (proxy = await startProxy(scene.server.port))
      return {
        fault: 'black hole of one',
        place: scene.server.placeBy(way.port),
        begin(child) {
          child.struck('black hole')
          way.blackHole()
        },
        end: () => way.pass(),
      }
    })
  } finally {
    await proxy?.stop()
  }
}

/** The store is out of everybody's reach, then back. */
type Outage = (scene: Scene, proxy: Proxy) => Promise<void>

const blackHole: Outage = async (_, proxy) => {
  proxy.blackHole()
  await pass(awayMs)
  proxy.pass()
}

/** In good order, since a server that is killed may forget claims, which are not waited for on PostgreSQL: that is `restart`. */
const serverAway: Outage = async ({ server }) => {
  await server.down('in good order')
  await pass(awayMs)
  await server.up()
}

/** A worker with jobs in hand, one that is idle, and a producer that goes on trying. */
async function begin(scene: Scene, place: string, seed: number): Promise<Child[]> {
  const worker = { lease: `${leaseMs}ms`, concurrency: inHand }
  const busy = scene.start('busy', { worker, place })
  await busy.said('ready')
  const hold = { jobs: inHand, together: inHand, everyMs: 0, longestMs: 0, task: 'hold', seed } as const
  await scene.start('hold', { produce: hold }).said('produced')
  await busy.said('started', inHand)
  const idle = scene.start('idle', { worker, place })
  await idle.said('ready')
  const produce = { jobs: 1_000_000, together: 2, everyMs: 50, longestMs: 50, seed }

  return [scene.start('producer', { produce, place }), busy, idle]
}

async function ofAll(options: LaneOptions, fault: string, outage: Outage): Promise<Row> {
  const rounds = options.short ? 1 : 5

  return inScene({ engine: options.engine }, async (scene) => {
    const proxy = await startProxy(scene.server.port)
    let gone = 0
    try {
      for (let round = 0; round < rounds; round++) {
        const cast = await begin(scene, scene.server.placeBy(proxy.port), options.seed + round)
        const [producer, busy, idle] = cast as [Child, Child, Child]
        await idle.said('started', 5)
        scene.outage(fault)
        await outage(scene, proxy)
        await idle.said('started', idle.count('started') + 5)
        await producer.stop()
        busy.tell({ kind: 'finish' })
        await scene.drain()
        gone += busy.count('gone') + idle.count('gone')
        await Promise.all([busy.stop(), idle.stop()])
      }
      const verdict = await scene.verdict()
      const broken = [
        ...violations(verdict, ['overlap', 'failed']),
        ...expected('second runs', 0, verdict.repeated),
        ...expected('lives that were called lost', 0, gone),
      ]
      return row(fault, rounds, verdict, broken, `${awayMs} ms each, lease ${leaseMs} ms`)
    } finally {
      await proxy.stop()
    }
  })
}

export const outages = async (options: LaneOptions): Promise<Row[]> => [
  await ofOneWorker(options),
  await ofAll(options, 'black hole of all', blackHole),
  await ofAll(options, 'server away', serverAway),
]
