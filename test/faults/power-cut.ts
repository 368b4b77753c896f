/**
 * Power cut: the store stands on an ext4 of its own, whose power is cut under load. Nothing that was
 * acknowledged is lost at `synchronous=FULL`; the same at NORMAL loses some, or this test proves nothing.
 */
import type { LaneOptions, LaneResult, Row } from './lane.ts'
import { Disk, whyNoMounts } from './mounts.ts'
import { between, seeded } from './random.ts'
import { inScene, pass } from './scene.ts'

type Synchronous = 'full' | 'normal'

interface Cut {
  readonly acknowledged: number
  readonly lost: number
}

/** One disk, one load, one cut. What is acknowledged must be there afterwards, final or not. */
async function cut(engine: string, synchronous: Synchronous, seed: number): Promise<Cut> {
  const disk = new Disk()
  try {
    return await inScene({ engine, storeFolder: disk.folder }, async (scene) => {
      const produce = { jobs: 1_000_000, together: 50, everyMs: 0, longestMs: 20, seed }
      const worker = { lease: '8s', concurrency: 50 }
      const cast = [scene.start('worker', { synchronous, worker }), scene.start('producer', { synchronous, produce })]
      await cast[0]!.said('ready')
      await cast[1]!.said('ready')
      await pass(between(seeded(seed), 300, 1200))

      disk.cutPower()
      for (const child of cast) child.kill('power cut')
      await scene.endProcesses()
      disk.restorePower()

      const there = new Set((await scene.jobs()).map(({ id }) => id))
      const acknowledged = scene.ledger.intent.filter(({ kind }) => kind === 'ack')
      await scene.closeReader()
      return { acknowledged: acknowledged.length, lost: acknowledged.filter(({ id }) => !there.has(id)).length }
    })
  } finally {
    disk.remove()
  }
}

async function cuts(engine: string, synchronous: Synchronous, times: number, seed: number): Promise<Row> {
  let acknowledged = 0
  let lost = 0
  for (let nth = 0; nth < times; nth++) {
    const one = await cut(engine, synchronous, seed + nth)
    acknowledged += one.acknowledged
    lost += one.lost
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
    broken: verdictOf(synchronous, acknowledged, lost),
    ...(synchronous === 'normal' && { note: 'must lose some: it shows that the cut is real' }),
  }
}

function verdictOf(synchronous: Synchronous, acknowledged: number, lost: number): string[] {
  if (acknowledged === 0) return ['nothing was acknowledged before the cuts']
  if (synchronous === 'full') return lost === 0 ? [] : [`${lost} acknowledged jobs lost`]

  return lost > 0 ? [] : ['no job was lost, so these cuts show nothing']
}

export async function powerCut({ engine, seed, short }: LaneOptions): Promise<LaneResult[]> {
  const skipped = whyNoMounts()
  if (skipped !== undefined) return [{ fault: 'power cut', skipped }]
  if (short) return [await cuts(engine, 'full', 1, seed)]

  return [await cuts(engine, 'full', 20, seed), await cuts(engine, 'normal', 20, seed)]
}
