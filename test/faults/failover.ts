/**
 * Failover: the replica has lost its primary in silence, the primary dies, and the replica takes over with what it has.
 * With `wait=1` no job that was acknowledged is lost; without it some are, and that is shown.
 *
 * Claims and endings do not wait for replicas. Those that only the dead primary knew of are made again: such runs are
 * counted as doubled, since no process was struck, and are no broken promise.
 */
import { command, replicate } from '../redis-servers.ts'
import { startProxy } from '../proxy.ts'
import { findRedis, startRedis } from '../servers.ts'
import { redisSettings } from './ground-redis.ts'
import type { Verdict } from './checker.ts'
import { expected, row, type LaneOptions, type Row } from './lane.ts'
import { playRounds, startLoad } from './load.ts'
import { inScene, pass } from './scene.ts'

const severedMs = 400

/** One failover under load. */
async function failOver(options: LaneOptions, wait: 0 | 1, nth: number): Promise<Verdict> {
  return inScene(options, async (scene) => {
    const [front, link] = await Promise.all([startProxy(scene.server.port), startProxy(scene.server.port)])
    const replica = await startRedis((await findRedis())!, redisSettings('full'))
    try {
      await replicate(replica, link.port)
      const place = `${scene.server.placeBy(front.port)}&wait=${wait}`
      const load = await startLoad(scene, options.seed + nth, { worker: place, producer: place })
      await load.goesOn()

      scene.outage('replica severed')
      link.blackHole()
      await pass(severedMs)
      scene.outage('primary killed')
      await scene.server.down('killed')
      await command(replica.port, 'replicaof', 'no', 'one')
      front.target(replica.port)
      front.cut()

      scene.readFrom(replica.url)
      await load.goesOn()
      await load.drain()
      const verdict = await scene.verdict()
      await scene.closeReader()
      return verdict
    } finally {
      await Promise.all([front, link, replica].map((each) => each.stop()))
    }
  })
}

async function failOvers(options: LaneOptions, wait: 0 | 1): Promise<Row> {
  const verdicts: Verdict[] = []
  const times = await playRounds(options, 1, async (nth) => void verdicts.push(await failOver(options, wait, nth)))
  const count = (kind: 'lost' | 'ghost' | 'unexpected' | 'blamed' | 'duplicated' | 'late') =>
    verdicts.reduce((sum, verdict) => sum + verdict[kind].length, 0)
  const sum = (of: (verdict: Verdict) => number) => verdicts.reduce((total, verdict) => total + of(verdict), 0)

  const always = (['ghost', 'unexpected', 'blamed'] as const).flatMap((kind) => expected(kind, 0, count(kind)))
  const loss = wait === 1 ? expected('acknowledged jobs lost', 0, count('lost')) : shown(count('lost'))
  const all = row(`failover, wait=${wait}`, times, verdicts[0]!, [...always, ...loss], noteOf(wait))
  return {
    ...all,
    acknowledged: sum(({ acknowledged }) => acknowledged),
    lost: count('lost'),
    doubled: count('duplicated'),
    repeated: sum(({ repeated }) => repeated),
    late: count('late'),
  }
}

const shown = (lost: number) => (lost > 0 ? [] : ['no job was lost, so the link was not really cut'])

const noteOf = (wait: 0 | 1) =>
  `${wait === 1 ? '' : 'some must be lost, or the link was not cut; '}doubled are those whose claim or end only the dead primary knew of`

export const failover = async (options: LaneOptions): Promise<Row[]> => [
  await failOvers(options, 1),
  await failOvers(options, 0),
]
