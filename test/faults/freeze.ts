/**
 * Freeze: a worker that stands still (SIGSTOP) with jobs in hand. Past its lease others run them, and
 * what it does when it thaws is refused; within its lease nobody else touches them.
 */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import type { Child } from './processes.ts'
import { inScene, type Scene } from './scene.ts'

const inHand = 4
const leaseMs = 2000
const worker = { lease: `${leaseMs}ms`, concurrency: inHand }
const runMs = 300

/** A worker that has just started all there is, frozen in the act. */
async function frozen(scene: Scene, seed: number): Promise<Child> {
  const child = scene.start('frozen', { worker })
  await child.said('ready')
  const produce = { jobs: inHand, together: inHand, everyMs: 0, longestMs: runMs, seed }
  await scene.start('producer', { produce }).said('produced')
  await child.said('started', inHand)
  child.freeze()

  return child
}

/** Log lines of claims that were no longer held when they were written. */
async function staleLines(scene: Scene): Promise<number> {
  const jobs = await scene.jobs()
  const logs = await Promise.all(
    jobs.map(async ({ id, result }) => {
      const lines = await (await scene.reader()).job(id).log()
      return lines.filter(({ message }) => message !== `ends ${result?.token}`).length
    }),
  )

  return logs.reduce((sum, lines) => sum + lines, 0)
}

async function pastTheLease({ engine, seed, short }: LaneOptions): Promise<Row> {
  const rounds = short ? 1 : 5

  return inScene({ engine }, async (scene) => {
    const broken: string[] = []
    for (let round = 0; round < rounds; round++) {
      const child = await frozen(scene, seed + round)
      const other = scene.start('other', { worker })
      await scene.drain()
      child.thaw()
      await child.said('gone')
      await child.said('stale', inHand)
      await Promise.all([child.stop(), other.stop()])
    }

    const verdict = await scene.verdict()
    const refused = scene.ledger.execution.filter(({ kind }) => kind === 'stale').length
    broken.push(
      ...violations(verdict, ['failed']),
      ...expected('jobs run by another worker', inHand * rounds, verdict.repeated),
      ...expected('late words of the frozen worker refused', inHand * rounds, refused),
      ...expected('log lines of claims taken back', 0, await staleLines(scene)),
    )
    return row('freeze past the lease', rounds, verdict, broken, `lease ${leaseMs} ms`)
  })
}

async function withinTheLease({ engine, seed, short }: LaneOptions): Promise<Row> {
  const rounds = short ? 1 : 5

  return inScene({ engine }, async (scene) => {
    for (let round = 0; round < rounds; round++) {
      const child = await frozen(scene, seed + round)
      const other = scene.start('other', { worker })
      await other.said('ready')
      await new Promise((resolve) => void setTimeout(resolve, leaseMs / 4))
      child.thaw()
      await scene.drain()
      await Promise.all([child.stop(), other.stop()])
    }

    const verdict = await scene.verdict()
    const broken = [...violations(verdict, ['overlap', 'failed']), ...expected('second runs', 0, verdict.repeated)]
    return row('freeze within the lease', rounds, verdict, broken, `lease ${leaseMs} ms`)
  })
}

export const freeze = async (options: LaneOptions): Promise<Row[]> => [
  await pastTheLease(options),
  await withinTheLease(options),
]
