/**
 * Cut: connections end at the worst moments, when a request was carried out and its reply is on the way, or when it
 * has not arrived. Whoever asked cannot know which; nothing is doubled or stranded nevertheless.
 */
import { startProxy } from '../proxy.ts'
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { playRounds, startLoad } from './load.ts'
import { between, seeded } from './random.ts'
import { inScene, pass } from './scene.ts'

export async function cut(options: LaneOptions): Promise<Row[]> {
  const random = seeded(options.seed)

  return inScene(options, async (scene) => {
    const proxies = await Promise.all([startProxy(scene.server.port), startProxy(scene.server.port)])
    const [worker, producer] = proxies.map(({ port }) => scene.server.placeBy(port))
    try {
      const load = await startLoad(scene, options.seed, { worker: worker!, producer: producer! })
      await load.goesOn()
      const times = await playRounds(options, 40, async (nth) => {
        const proxy = proxies[nth % 2]!
        scene.outage('cut')
        // Three in four times the request has been carried out.
        await (nth % 8 < 6 ? proxy.cutBeforeReply() : proxy.cutBeforeRequest())
        await pass(between(random, 0, 100))
      })
      await load.goesOn()
      await load.drain()

      const verdict = await scene.verdict()
      const broken = [...violations(verdict, ['overlap', 'failed']), ...expected('second runs', 0, verdict.repeated)]
      return [row('cut before the reply', times, verdict, broken, noteOf(verdict.recovered.length))]
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.stop()))
    }
  })
}

const noteOf = (recovered: number) => `a quarter before the request, ${recovered} unknown to their producer and there`
