/**
 * Restart: the server goes under load, in good order or killed with all its processes, and comes back on what its
 * disk has. Nobody under test died, so nothing is lost, and not one job runs twice.
 */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { playRounds, startLoad } from './load.ts'
import { between, seeded } from './random.ts'
import { inScene, pass } from './scene.ts'

async function restarts(options: LaneOptions, how: 'in good order' | 'killed'): Promise<Row> {
  const random = seeded(options.seed)
  const fault = how === 'killed' ? 'server killed' : 'server restarted'

  return inScene(options, async (scene) => {
    const load = await startLoad(scene, options.seed)
    const times = await playRounds(options, 2, async () => {
      await load.goesOn()
      await pass(between(random, 0, 200))
      scene.outage(fault)
      await scene.server.down(how)
      await pass(between(random, 0, 1000))
      await scene.server.up()
    })
    await load.goesOn()
    await load.drain()

    const verdict = await scene.verdict()
    const broken = [...violations(verdict, ['overlap', 'failed']), ...expected('second runs', 0, verdict.repeated)]
    return row(fault, times, verdict, broken, `${verdict.recovered.length} unknown to their producer and there`)
  })
}

export const restart = async (options: LaneOptions): Promise<Row[]> => [
  await restarts(options, 'in good order'),
  await restarts(options, 'killed'),
]
