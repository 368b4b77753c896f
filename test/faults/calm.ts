/** Calm: a producer and two workers, and no fault at all. Not one job runs twice. */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { inScene } from './scene.ts'

export async function calm({ engine, seed, short, minutes }: LaneOptions): Promise<Row[]> {
  const seconds = short ? 4 : minutes * 60
  const jobs = seconds * 200

  return inScene({ engine }, async (scene) => {
    const worker = { lease: '8s', concurrency: 50 }
    const workers = [scene.start('worker', { worker }), scene.start('worker', { worker })]
    await Promise.all(workers.map((each) => each.said('ready')))

    const produce = { jobs, together: 10, everyMs: 45, longestMs: 50, flakyEvery: 20, delayedEvery: 10, seed }
    await scene.start('producer', { produce }).said('produced', 1, seconds * 1000 * 3 + 30_000)
    await scene.drain()
    await Promise.all(workers.map((each) => each.stop()))

    const verdict = await scene.verdict()
    const flaky = Math.floor(jobs / 20)
    return [
      row('calm', 0, verdict, [
        ...violations(verdict, ['overlap', 'failed']),
        ...expected('jobs acknowledged', jobs, verdict.acknowledged),
        ...expected('second runs, all of jobs that throw once', flaky, verdict.repeated),
      ]),
    ]
  })
}
