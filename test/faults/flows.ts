/**
 * Flows: one chord of many members, and workers that are killed while they run it. Its callback is given the results of all and
 * runs once, but for what a death excuses.
 */
import { chord, mapEach, type Errand } from 'errand'
import { builtInPrefix } from '../../src/workflow/built-in.ts'
import type { Given, Input } from './child.ts'
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import { between, seeded } from './random.ts'
import { inScene, type Scene } from './scene.ts'

const flowId = 'chord'

/** By a process that only asks: its tasks have no work to do. */
async function enqueueChord(errand: Errand, members: number): Promise<void> {
  const work = errand.task('work', (_: Input): Given => notHere())
  const join = errand.task('join', (_: Given[]): Given => notHere())
  const inputs = Array.from({ length: members }, () => ({ ms: 0 }))

  await errand.enqueue(chord(mapEach(work, inputs), join), { id: flowId })
}

function notHere(): never {
  throw new Error('This process only asks.')
}

/** The flow is in: every step of it was asked for. */
async function noteAll(scene: Scene): Promise<void> {
  for (const { id, task } of await scene.jobs()) {
    if (task.startsWith(builtInPrefix)) continue
    scene.control.write('intent', { kind: 'try', id })
    scene.control.write('intent', { kind: 'ack', id })
  }
}

/** One worker after the other, each killed while it runs jobs of it. */
async function killWorkers(scene: Scene, kills: number, lease: string, most: number, random: () => number) {
  for (let nth = 0; nth < kills; nth++) {
    const child = scene.start('worker', { worker: { lease, concurrency: 10 } })
    await child.said('started', between(random, 1, most), 60_000)
    child.kill()
    await child.exited
  }
}

export async function flows({ engine, seed, short, kills }: LaneOptions): Promise<Row[]> {
  const members = short ? 400 : 10_000
  const deaths = short ? 2 : Math.min(kills, 40)
  const lease = short ? '1s' : '8s'

  return inScene({ engine }, async (scene) => {
    await enqueueChord(await scene.reader(), members)
    await noteAll(scene)
    await killWorkers(scene, deaths, lease, Math.floor(members / deaths / 2), seeded(seed))
    const last = scene.start('last', { worker: { lease, concurrency: 10 } })
    await last.said('ready')
    await drainToTheEnd(scene)
    await last.stop()

    return [await rowOf(scene, members, deaths)]
  })
}

/** A member that lost three workers has failed, as it should: whoever retries the workflow lets it go on. */
async function drainToTheEnd(scene: Scene): Promise<void> {
  const flow = (await scene.reader()).workflow(flowId)
  await scene.drain()
  for (let times = 0; times < 3 && (await flow.state()) === 'cancelled'; times++) {
    await flow.retry()
    await scene.drain()
  }
}

async function rowOf(scene: Scene, members: number, deaths: number): Promise<Row> {
  const verdict = await scene.verdict()
  const jobs = await scene.jobs()
  const callback = jobs.find(({ id }) => id === flowId)
  const succeeded = jobs.filter(({ task, state }) => task === 'work' && state === 'succeeded')
  const broken = [
    ...violations(verdict, ['overlap', 'failed']),
    ...expected('members that succeeded', members, succeeded.length),
    ...expected('the state of the callback', 'succeeded', callback?.state),
    ...expected('results that the callback was given', members, (callback?.result as { members?: number })?.members),
  ]

  return row('flows', deaths, verdict, broken, `a chord of ${members}`)
}
