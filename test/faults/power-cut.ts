/**
 * Power cut: the store stands on an ext4 of its own, whose power is cut under load. Nothing that was
 * acknowledged is lost at `synchronous=FULL`; the same at NORMAL loses some, or this test proves nothing.
 */
import { expected, type LaneOptions, type LaneResult, type Row } from './lane.ts'
import type { Synchronous } from './engine.ts'
import { Disk, whyNoPowerCuts } from './mounts.ts'
import { between, seeded } from './random.ts'
import { inScene, pass } from './scene.ts'

interface Cut {
  readonly acknowledged: number
  /** Acknowledged, and not there afterwards. */
  readonly lost: number
  /** The worker had been told that they are final, and afterwards they are not: they would run again. */
  readonly forgotten: number
}

/** One disk, one load, one cut. What a producer or worker was told must be true afterwards. */
async function cut(engine: string, synchronous: Synchronous, seed: number): Promise<Cut> {
  const disk = new Disk()
  try {
    return await inScene({ engine, storeFolder: disk.folder, synchronous }, async (scene) => {
      disk.sync()
      const produce = { jobs: 1_000_000, together: 50, everyMs: 0, longestMs: 20, seed }
      const worker = { lease: '8s', concurrency: 50 }
      const cast = [scene.start('worker', { worker }), scene.start('producer', { produce })]
      await cast[0]!.said('ready')
      await cast[1]!.said('ready')
      // On a crowded machine the first commit may take longer than all that follows.
      while (!scene.ledger.intent.some(({ kind }) => kind === 'ack')) await pass(20)
      await pass(between(seeded(seed), 300, 1200))

      const lastMoment = disk.cutPower()
      for (const child of cast) child.kill('power cut')
      await scene.endProcesses()
      await scene.powerOff()
      await disk.restorePower()
      await scene.powerOn()

      const states = new Map((await scene.jobs()).map(({ id, state }) => [id, state]))
      await scene.closeReader()
      const acknowledged = scene.ledger.intent.filter(({ kind, at }) => kind === 'ack' && at < lastMoment)
      const settled = scene.ledger.execution.filter(({ kind, at }) => kind === 'settled' && at < lastMoment)
      return {
        acknowledged: acknowledged.length,
        lost: acknowledged.filter(({ id }) => !states.has(id)).length,
        forgotten: settled.filter(({ id }) => states.has(id) && states.get(id) !== 'succeeded').length,
      }
    })
  } finally {
    disk.remove()
  }
}

async function cuts(engine: string, synchronous: Synchronous, times: number, seed: number): Promise<Row> {
  let acknowledged = 0
  let lost = 0
  let forgotten = 0
  for (let nth = 0; nth < times; nth++) {
    const one = await cut(engine, synchronous, seed + nth)
    acknowledged += one.acknowledged
    lost += one.lost
    forgotten += one.forgotten
  }

  return {
    fault: `power cut at ${synchronous.toUpperCase()}`,
    times,
    acknowledged,
    lost,
    doubled: 0,
    repeated: 0,
    late: 0,
    recoveryP99Ms: 0,
    broken: verdictOf(synchronous, acknowledged, lost, forgotten),
    note: `${forgotten} settled jobs forgotten${synchronous === 'full' ? '' : '; some must be lost, or the cut is not real'}`,
  }
}

function verdictOf(synchronous: Synchronous, acknowledged: number, lost: number, forgotten: number): string[] {
  if (acknowledged === 0) return ['nothing was acknowledged before the cuts']
  if (synchronous === 'normal') return lost > 0 ? [] : ['no job was lost, so these cuts show nothing']

  return [...expected('acknowledged jobs lost', 0, lost), ...expected('settled jobs forgotten', 0, forgotten)]
}

export async function powerCut({ engine, seed, short }: LaneOptions): Promise<LaneResult[]> {
  const skipped = whyNoPowerCuts()
  if (skipped !== undefined) return [{ fault: 'power cut', skipped }]
  if (short) return [await cuts(engine, 'full', 1, seed)]

  return [await cuts(engine, 'full', 20, seed), await cuts(engine, 'normal', 20, seed)]
}
