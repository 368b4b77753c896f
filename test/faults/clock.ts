/**
 * Clock jumps: the wall clock of one process, then of all, moves an hour ahead, an hour behind, and
 * back. Jobs that wait for a time may start early or late by it; none is lost, and none runs twice.
 *
 * `jumps` moves the clock that Errand is handed; `fakedJumps` moves the one of the whole process,
 * with libfaketime, where that is there.
 */
import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { engines } from './engine.ts'
import { expected, row, violations, type LaneOptions, type LaneResult, type Row } from './lane.ts'
import type { Child } from './processes.ts'
import { inScene, pass, type Scene } from './scene.ts'

const hourMs = 3_600_000
const hours = [1, -1, 0]
type SetClock = (child: Child, offsetMs: number) => void

/** A producer and two workers; each in turn, then all together, live through the jumps. */
async function play(scene: Scene, options: LaneOptions, cast: readonly Child[], setClock: SetClock): Promise<number> {
  const stayMs = options.short ? 250 : 2000
  let jumps = 0
  for (const who of [...cast.map((child) => [child]), cast]) {
    for (const hour of hours) {
      for (const child of who) setClock(child, hour * hourMs)
      jumps++
      await pass(stayMs)
    }
  }
  return jumps
}

/** Between the earliest and the latest moment at which a job says that it was enqueued. */
async function hoursApart(scene: Scene): Promise<number> {
  const moments = (await scene.jobs()).map(({ createdAt }) => createdAt.getTime())

  return (Math.max(...moments) - Math.min(...moments)) / hourMs
}

async function throughJumps(
  options: LaneOptions,
  fault: string,
  environment: (scene: Scene, name: string) => Record<string, string>,
  setClock: (scene: Scene) => SetClock,
): Promise<Row> {
  return inScene({ engine: options.engine }, async (scene) => {
    const worker = { lease: '2s', concurrency: 20 }
    const produce = { jobs: 1_000_000, together: 5, everyMs: 50, longestMs: 100, delayedEvery: 5, seed: options.seed }
    const start = (name: string, role: object) => scene.start(name, role, environment(scene, name))
    const cast = [start('early', { worker }), start('late', { worker }), start('producer', { produce })]
    await Promise.all(cast.slice(0, 2).map((child) => child.said('ready')))

    const move = setClock(scene)
    const jumps = await play(scene, options, cast, move)
    cast[2]!.kill('end')
    // What was delayed by a clock that was ahead is due an hour from now: not lost, as it shows when that hour comes.
    for (const child of cast.slice(0, 2)) move(child, hourMs)
    await scene.drain()
    await Promise.all(cast.slice(0, 2).map((child) => child.stop()))

    const verdict = await scene.verdict()
    const broken = [
      ...(engines[options.engine]!.clock === 'server' || (await hoursApart(scene)) > 1.9
        ? []
        : ['the clocks did not jump: no jobs are dated two hours apart']),
      ...violations(verdict, ['overlap', 'failed']),
      ...expected('second runs', 0, verdict.repeated),
    ]
    return row(fault, jumps, verdict, broken, 'lease 2s')
  })
}

export const jumps = (options: LaneOptions): Promise<Row> =>
  throughJumps(
    options,
    'clock jumps of an hour',
    () => ({}),
    () => (child, offsetMs) => child.tell({ kind: 'clock', offsetMs }),
  )

export function findFaketime(): string | undefined {
  const named = process.env['FAKETIME_LIBRARY']
  const files = named === undefined ? globSync('/usr/lib/*/faketime/libfaketime.so.1') : [named]

  return files.find((file) => existsSync(file))
}

export async function fakedJumps(options: LaneOptions): Promise<LaneResult> {
  const fault = 'clock jumps of whole processes'
  const library = findFaketime()
  if (library === undefined)
    return { fault, skipped: 'libfaketime is missing: install "libfaketime", or set FAKETIME_LIBRARY' }

  const clockFile = (scene: Scene, name: string) => join(scene.folder, `${name}.clock`)
  const setFile = (scene: Scene, name: string, offsetMs: number) =>
    writeFileSync(clockFile(scene, name), `${offsetMs >= 0 ? '+' : ''}${offsetMs / 1000}`)

  return throughJumps(
    options,
    fault,
    (scene, name) => {
      setFile(scene, name, 0)
      return {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: clockFile(scene, name),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      }
    },
    (scene) => (child, offsetMs) => setFile(scene, child.by.replace(/-\d+$/, ''), offsetMs),
  )
}

export const clock = async (options: LaneOptions): Promise<LaneResult[]> =>
  options.short ? [await jumps(options)] : [await jumps(options), await fakedJumps(options)]
