/**
 * Stall: a handler holds the event loop for longer than the lease, while another worker is there.
 * Its jobs are run by the other, and the stalled worker is told that it may have been too late.
 */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { inScene } from './scene.ts'

const leaseMs = 1500
const worker = { lease: `${leaseMs}ms`, concurrency: 10 }

export async function stall({ engine, seed, short }: LaneOptions): Promise<Row[]> {
  const rounds = short ? 1 : 5

  return inScene({ engine }, async (scene) => {
    let told = 0
    for (let round = 0; round < rounds; round++) {
      const stalled = scene.start('stalled', { worker: { ...worker, stallMs: leaseMs * 2.5 } })
      await stalled.said('ready')
      const common = { together: 4, everyMs: 0, longestMs: 500, seed: seed + round }
      await scene.start('producer', { produce: { ...common, jobs: 4 } }).said('produced')
      await scene.start('producer', { produce: { ...common, jobs: 1, task: 'stall' } }).said('produced')
      await stalled.said('started', 5)
      const other = scene.start('other', { worker })
      await stalled.said('gone')
      await scene.drain()
      told += stalled.toldLost
      await Promise.all([stalled.stop(), other.stop()])
    }

    const verdict = await scene.verdict()
    const crashed = (await scene.jobs()).filter(({ crashes }) => crashes > 0).length
    const broken = [
      ...violations(verdict, ['failed']),
      ...expected('doubled runs that nobody was told of', 0, Math.max(0, verdict.repeated - told)),
      ...expected('jobs that say that their worker was lost', verdict.repeated, crashed),
      ...(verdict.repeated < rounds ? [`the stall cut only ${verdict.repeated} runs in ${rounds} rounds`] : []),
    ]
    return [row('stall', rounds, verdict, broken, `lease ${leaseMs} ms, ${told} runs told lost`)]
  })
}
