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
import type { Child } from './processes.ts'
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

/** One round: fills the disk under load, lets what runs end, frees the disk again. Gives what went wrong. */
async function fillAndFree(scene: Scene, disk: Mount, worker: Child, seed: number): Promise<string[]> {
  const many = { together: 20, everyMs: 0, longestMs: 20, seed }
  const file = join(disk.folder, 'stranger')
  const holder = scene.start('holder', { produce: { ...many, jobs: inHand, task: 'hold' } })
  await holder.said('produced')
  await worker.said('started', inHand)

  const producer = scene.start('refused', { produce: { ...many, jobs: 100_000, everyMs: 20, untilFull: true } })
  await producer.said('ready')
  const stranger = await startFilling(file)
  try {
    await producer.said('produced')
    worker.tell({ kind: 'finish' })
    const settled = await settledWhileFull(scene, holder.by)
    await endFilling(stranger, file)
    await scene.start('resumed', { produce: { ...many, jobs: 100 } }).said('produced')
    await scene.drain()

    return [
      ...expected('jobs in hand settled while the disk was full', inHand, settled),
      ...(producer.count('full') > 0 ? [] : ['no enqueue was refused with STORE_FULL']),
    ]
  } finally {
    await endFilling(stranger, file)
  }
}

async function settledWhileFull(scene: Scene, holder: string): Promise<number> {
  const overdue = performance.now() + 15_000
  const settled = () =>
    scene.ledger.execution.filter(({ kind, id }) => kind === 'settled' && id.startsWith(`${holder}-`)).length
  while (settled() < inHand && performance.now() < overdue) await pass(50)

  return settled()
}

function otherRefusals(scene: Scene): string[] {
  const codes = scene.ledger.intent.flatMap((line) => (line.kind === 'refused' ? [line.code] : []))

  return [...new Set(codes)]
    .filter((code) => code !== 'STORE_FULL')
    .map((code) => `an enqueue was refused with ${code}`)
}

async function fillOften(engine: string, rounds: number, seed: number): Promise<Row> {
  const disk = mountMemory(megabytes)
  try {
    return await inScene({ engine, storeFolder: disk.folder }, async (scene) => {
      const broken: string[] = []
      for (let round = 0; round < rounds; round++) {
        const worker = scene.start('worker', { worker: { lease: '8s', concurrency: inHand } })
        await worker.said('ready')
        broken.push(...(await fillAndFree(scene, disk, worker, seed + round)))
        await worker.stop()
      }

      const verdict = await scene.verdict()
      const unknown = scene.ledger.intent.filter(({ kind }) => kind === 'unknown').length
      broken.push(
        ...violations(verdict, ['overlap', 'failed']),
        ...otherRefusals(scene),
        ...expected('second runs', 0, verdict.repeated),
        ...expected('enqueues with an unknown outcome', 0, unknown),
      )
      return row('full disk', rounds, verdict, broken, `${megabytes} MB`)
    })
  } finally {
    disk.unmount()
  }
}

export async function fullDisk({ engine, seed, short }: LaneOptions): Promise<LaneResult[]> {
  const skipped = whyNoMounts()

  return skipped === undefined ? [await fillOften(engine, short ? 1 : 10, seed)] : [{ fault: 'full disk', skipped }]
}
