/**
 * Poison: one job among many kills whoever runs it, and its worker is started again each time.
 * After three workers it ends failed, by itself, and its neighbours have all succeeded.
 */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { inScene, type Scene } from './scene.ts'

/** Starts the worker again whenever it dies, until it is told to stop. Gives how often it died. */
function supervise(scene: Scene, lease: string): { stop: () => Promise<number> } {
  let stopping = false
  let deaths = 0
  let child = scene.start('worker', { worker: { lease, concurrency: 100 } })

  const watching = (async () => {
    while ((await child.exited) === 'SIGKILL' && !stopping) {
      deaths++
      child = scene.start('worker', { worker: { lease, concurrency: 100 } })
    }
  })()
  return {
    async stop() {
      stopping = true
      await child.said('ready')
      await Promise.all([child.stop(), watching])
      return deaths
    },
  }
}

export async function poison({ engine, seed, short }: LaneOptions): Promise<Row[]> {
  const jobs = short ? 400 : 10_000
  const lease = short ? '1s' : '8s'

  return inScene({ engine }, async (scene) => {
    const produce = { jobs, together: 1000, everyMs: 0, longestMs: short ? 20 : 50, poison: Math.floor(jobs / 2), seed }
    await scene.start('producer', { produce }).said('produced')
    const worker = supervise(scene, lease)
    await scene.drain()
    const deaths = await worker.stop()

    const verdict = await scene.verdict()
    const lost = (await scene.jobs()).filter(({ error }) => error?.code === 'WORKER_LOST').map(({ id }) => id)
    const broken = [
      ...violations(verdict),
      ...expected('workers killed by it', 3, deaths),
      ...expected('jobs failed', `producer-0-${produce.poison}`, verdict.failed.join()),
      ...expected('jobs failed with WORKER_LOST', 1, lost.length),
      ...expected('jobs acknowledged', jobs, verdict.acknowledged),
    ]
    return [row('poison', deaths, verdict, broken, `1 among ${jobs} at concurrency 100, lease ${lease}`)]
  })
}
