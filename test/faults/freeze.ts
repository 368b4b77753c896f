/**
 * Freeze: a worker that stands still (SIGSTOP) with jobs in hand. Past its lease others run them, and
 * what it does when it thaws is refused; within its lease nobody else touches them.
 */
import { expected, row, violations, type LaneOptions, type Row } from './lane.ts'
import type { Child } from './processes.ts'
import { inScene, pass, type Scene } from './scene.ts'

/** Of each kind: short ones that others end before the thaw, and held ones that others still run then. */
const each = 2
const inHand = 2 * each
const leaseMs = 2000
const worker = { lease: `${leaseMs}ms`, concurrency: inHand }
/** Long enough not to be over before the worker is frozen. */
const runMs = 500

/** A worker that has just started all there is. */
async function busyWorker(
  scene: Scene,
  kinds: readonly ('work' | 'hold')[],
  seed: number,
  place?: string,
): Promise<Child> {
  const child = scene.start('struck', { worker, ...(place !== undefined && { place }) })
  await child.said('ready')
  const produce = { jobs: each, together: each, everyMs: 0, shortestMs: runMs, longestMs: runMs, seed }
  // Short ones last: those of a producer that came first would be over by the time another process is there.
  for (const [nth, task] of kinds.toReversed().entries()) {
    scene.start(task, { produce: { ...produce, task } })
    await child.said('started', each * (nth + 1))
  }

  return child
}

interface Returned {
  readonly token: number
}

/** Log lines of claims that were no longer held when they were written. */
async function staleLines(scene: Scene): Promise<number> {
  const jobs = await scene.jobs()
  const logs = await Promise.all(
    jobs.map(async ({ id, result }) => {
      const lines = await (await scene.reader()).job(id).log()
      return lines.filter(({ message }) => message !== `ends ${(result as Returned).token}`).length
    }),
  )

  return logs.reduce((sum, lines) => sum + lines, 0)
}

/** Resolves once the store has told this process that so many of its jobs are final. */
async function allSettled(scene: Scene, name: string, by: string, jobs: number): Promise<void> {
  const settled = () =>
    scene.ledger.execution.filter((line) => line.kind === 'settled' && line.by === by && line.id.startsWith(name))
      .length
  const overdue = performance.now() + 20_000
  // The ledger is a file: it can only be looked at again.
  while (settled() < jobs) {
    if (performance.now() > overdue) throw new Error(`${by} did not settle ${jobs} jobs of ${name}.`)
    await pass(50)
  }
}

/** How a worker is kept from its store for longer than its lease, and let go on. */
export interface Absence {
  readonly fault: string
  /** By what name the worker opens its store, if not as everybody does. */
  readonly place?: string
  begin(child: Child): void | Promise<void>
  end(child: Child): void
}

/** Others run what an absent worker holds; when it is back it is told so, and nothing of its is written. */
export async function pastTheLease(
  { engine, seed, short }: LaneOptions,
  absenceIn: (scene: Scene) => Absence | Promise<Absence>,
): Promise<Row> {
  const rounds = short ? 1 : 5

  return inScene({ engine }, async (scene) => {
    const absence = await absenceIn(scene)
    let told = 0
    for (let round = 0; round < rounds; round++) {
      const child = await busyWorker(scene, ['work', 'hold'], seed + round, absence.place)
      await absence.begin(child)
      const other = scene.start('other', { worker })
      await other.said('started', inHand)
      await allSettled(scene, 'work', other.by, each)
      // On a crowded machine it may have lost an idle life before.
      const goneBefore = child.count('gone')
      child.tell({ kind: 'finish' })
      absence.end(child)
      await child.said('gone', goneBefore + 1)
      told += child.toldLost
      other.tell({ kind: 'finish' })
      await scene.drain()
      await Promise.all([child.stop(), other.stop()])
    }

    const verdict = await scene.verdict()
    const broken = [
      ...violations(verdict, ['failed']),
      ...expected('jobs run by another worker', inHand * rounds, verdict.repeated),
      ...expected('runs that the absent worker was told it had lost', inHand * rounds, told),
      ...expected('log lines of claims taken back', 0, await staleLines(scene)),
    ]
    return row(absence.fault, rounds, verdict, broken, `lease ${leaseMs} ms`)
  })
}

async function withinTheLease({ engine, seed, short }: LaneOptions): Promise<Row> {
  const rounds = short ? 1 : 5

  return inScene({ engine }, async (scene) => {
    for (let round = 0; round < rounds; round++) {
      const child = await busyWorker(scene, ['hold', 'hold'], seed + round)
      const other = scene.start('other', { worker })
      await other.said('ready')
      await scene.freeze(child)
      await pass(leaseMs / 4)
      child.thaw()
      child.tell({ kind: 'finish' })
      await scene.drain()
      await Promise.all([child.stop(), other.stop()])
    }

    const verdict = await scene.verdict()
    const broken = [...violations(verdict, ['overlap', 'failed']), ...expected('second runs', 0, verdict.repeated)]
    return row('freeze within the lease', rounds, verdict, broken, `lease ${leaseMs} ms`)
  })
}

export const freeze = async (options: LaneOptions): Promise<Row[]> => [
  await pastTheLease(options, (scene) => ({
    fault: 'freeze past the lease',
    begin: (child) => scene.freeze(child),
    end: (child) => child.thaw(),
  })),
  await withinTheLease(options),
]
