/**
 * A full disk: the store on a small file system, and a stranger that fills whatever is freed.
 * Enqueueing is refused, what runs is settled nevertheless, and all goes on once there is room.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expected, row, violations, type LaneOptions, type LaneResult, type Row } from './lane.ts'
import { mountMemory, whyNoMounts, type Mount } from './mounts.ts'
import { inScene, pass, type Scene } from './scene.ts'

const megabytes = 40
const inHand = 20

/** Fills the disk and keeps it full, until it is ended. */
async function startFilling(file: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'fill.ts'), [file], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'message')

  return child
}

async function endFilling(child: ChildProcess, file: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(file, { force: true })
}

async function fillAndFree(scene: Scene, disk: Mount, seed: number): Promise<string[]> {
  const many = { together: 20, everyMs: 0, longestMs: 20, seed }
  const worker = scene.start('worker', { worker: { lease: '8s', concurrency: inHand } })
  await worker.said('ready')
  await scene.start('holder', { produce: { ...many, jobs: inHand, task: 'hold' } }).said('produced')
  await worker.said('started', inHand)

  const file = join(disk.folder, 'stranger')
  const stranger = await startFilling(file)
  try {
    const producer = scene.start('refused', { produce: { ...many, jobs: 10_000, bytes: 20_000, untilFull: true } })
    await producer.said('produced', 1)
    worker.tell({ kind: 'finish' })
    const settled = await settledWhileFull(scene)
    await endFilling(stranger, file)
    await scene.start('resumed', { produce: { ...many, jobs: 100 } }).said('produced')
    await scene.drain()
    await worker.stop()

    return [
      ...expected('jobs in hand settled while the disk was full', inHand, settled),
      ...(producer.count('full') > 0 ? [] : ['no enqueue was refused']),
    ]
  } finally {
    await endFilling(stranger, file)
  }
}

async function settledWhileFull(scene: Scene): Promise<number> {
  const overdue = performance.now() + 15_000
  const ours = () =>
    scene.ledger.execution.filter(({ kind, id }) => kind === 'settled' && id.startsWith('holder')).length
  while (ours() < inHand && performance.now() < overdue) await pass(50)

  return ours()
}

function otherRefusals(scene: Scene): string[] {
  const codes = scene.ledger.intent.flatMap((line) => (line.kind === 'refused' ? [line.code] : []))

  return [...new Set(codes)]
    .filter((code) => code !== 'STORE_FULL')
    .map((code) => `an enqueue was refused with ${code}`)
}

async function fillOnce(engine: string, seed: number): Promise<Row> {
  const disk = mountMemory(megabytes)
  try {
    return await inScene({ engine, storeFolder: disk.folder }, async (scene) => {
      const broken = await fillAndFree(scene, disk, seed)
      const verdict = await scene.verdict()
      const unknown = scene.ledger.intent.filter(({ kind }) => kind === 'unknown').length
      broken.push(
        ...violations(verdict, ['overlap', 'failed']),
        ...otherRefusals(scene),
        ...expected('second runs', 0, verdict.repeated),
        ...expected('enqueues with an unknown outcome', 0, unknown),
      )
      await scene.closeReader()
      await scene.endProcesses()
      return row('full disk', 1, verdict, broken, `${megabytes} MB`)
    })
  } finally {
    disk.unmount()
  }
}

export async function fullDisk({ engine, seed }: LaneOptions): Promise<LaneResult[]> {
  const skipped = whyNoMounts()

  return skipped === undefined ? [await fillOnce(engine, seed)] : [{ fault: 'full disk', skipped }]
}
