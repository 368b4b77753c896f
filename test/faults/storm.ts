/** Storm: every connection to the server is ended, ten times a second, under load. Nothing is lost, nothing runs twice, and all goes on at once. */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { playRounds, startLoad } from './load.ts'
import { inScene, pass } from './scene.ts'

const everyMs = 100

export async function storm(options: LaneOptions): Promise<Row[]> {
  return inScene(options, async (scene) => {
    const load = await startLoad(scene, options.seed)
    await load.goesOn()
    const times = await playRounds(options, 20, async () => {
      scene.outage('connections ended')
      await scene.server.endConnections()
      await pass(everyMs)
    })
    const overAt = performance.now()
    await load.goesOn()
    const calmMs = Math.round(performance.now() - overAt)
    await load.drain()

    const verdict = await scene.verdict()
    const broken = [...violations(verdict, ['overlap', 'failed']), ...expected('second runs', 0, verdict.repeated)]
    return [row('connections ended', times, verdict, broken, `both workers at work again after ${calmMs} ms`)]
  })
}
