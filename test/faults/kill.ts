/**
 * Kill: producers, workers and processes that are both, ended by SIGKILL under load, at random
 * moments and at every named point of the code. One worker is spared, as the one that goes on, and
 * one producer, so that there is always work.
 */
import { points, type Point } from '../../src/env.ts'
import type { ChildPlan } from './child.ts'
import { row, slowRecovery, violations, type LaneOptions, type Row } from './lane.ts'
import type { ProducePlan } from './produce.ts'
import { between, seeded } from './random.ts'
import { inScene, pass, type Role, type Scene } from './scene.ts'

type Part = 'producer' | 'worker' | 'both'

/** How one life ends: at a point, or so long after it was ready. */
type Death = { readonly part: Part } & ({ readonly point: Point; readonly nth: number } | { readonly afterMs: number })

interface Setting {
  readonly lease: string
  readonly longestMs: number
  readonly random: () => number
}

/** How often at most a process passes a point before it dies there, where 8 times would take too long or never come. */
const most: Partial<Record<Point, number>> = {
  'upkeep.before-commit': 1,
  'upkeep.after-commit': 1,
  'worker.before-give-back': 1,
}

function partsOf(point: Point): Part[] {
  // It brings its own flood, since only a worker with quick jobs holds some that it has not started.
  if (point === 'worker.before-give-back') return ['both']
  return point.startsWith('insert.') ? ['producer', 'both'] : ['worker', 'both']
}

/** As many deaths as there are to be: every point in turn, in each part that passes it, and as many at random moments. */
function manyDeaths(kills: number, random: () => number): Death[] {
  const places = points.flatMap((point) => partsOf(point).map((part) => ({ part, point })))
  const parts: readonly Part[] = ['producer', 'worker', 'both']

  return Array.from({ length: kills }, (_, index) => {
    const place = places[((index / 2) % places.length) | 0]!
    if (index % 2 === 0) return { ...place, nth: between(random, 1, most[place.point] ?? 8) }
    return { part: parts[between(random, 0, 2)]!, afterMs: between(random, 0, 3000) }
  })
}

/** For the few seconds of a test: each point once, and some random moments. */
function fewDeaths(random: () => number): Death[] {
  const atPoints = points.map((point, index) => {
    const parts = partsOf(point)
    return { part: parts[index % parts.length]!, point, nth: between(random, 1, most[point] ?? 3) }
  })
  const atMoments = (['producer', 'worker', 'both'] as const).map((part) => ({
    part,
    afterMs: between(random, 50, 300),
  }))

  return [...atPoints, ...atMoments]
}

function load({ longestMs, random }: Setting): ProducePlan {
  const seed = between(random, 0, 1e9)

  return { jobs: 1_000_000, together: 5, everyMs: 50, longestMs, flakyEvery: 20, delayedEvery: 10, seed }
}

function roleOf(death: Death, setting: Setting): Role {
  const worker: ChildPlan['worker'] = { lease: setting.lease, concurrency: 5 }
  const produce = isGiveBack(death) ? { ...load(setting), together: 300, longestMs: 0 } : load(setting)

  return {
    ...(death.part !== 'producer' && { worker }),
    ...(death.part !== 'worker' && { produce }),
    ...('point' in death && { crash: { point: death.point, nth: death.nth } }),
  }
}

const isGiveBack = (death: Death) => 'point' in death && death.point === 'worker.before-give-back'

/** One life, up to its death. */
async function live(scene: Scene, death: Death, setting: Setting): Promise<void> {
  const child = scene.start(death.part, roleOf(death, setting))
  if ('afterMs' in death) {
    await child.said('ready')
    await pass(death.afterMs)
    child.kill()
  } else if (isGiveBack(death)) {
    await child.said('started', 50)
    child.tell({ kind: 'stop' })
  }

  const overdue = AbortSignal.timeout(20_000)
  const late = new Promise<'late'>((resolve) => overdue.addEventListener('abort', () => resolve('late')))
  const signal = await Promise.race([child.exited, late])
  if (signal === 'SIGKILL') return
  // It may have stopped just when it held nothing that it had not started.
  if (signal === null && child.errors === '' && isGiveBack(death)) return live(scene, death, setting)
  const instead = signal === 'late' ? 'lives on' : `ended by itself: ${child.errors}`
  throw new Error(`${child.by} should have died of ${JSON.stringify(death)}, and ${instead}`)
}

/** Plays the deaths, `abreast` lives at a time. */
async function playDeaths(scene: Scene, all: readonly Death[], abreast: number, setting: Setting): Promise<void> {
  const left = [...all]
  const series = async () => {
    for (let death = left.shift(); death; death = left.shift()) await live(scene, death, setting)
  }

  await Promise.all(Array.from({ length: abreast }, series))
}

export async function kill({ engine, seed, short, kills }: LaneOptions): Promise<Row[]> {
  const random = seeded(seed)
  const setting = { lease: short ? '2s' : '8s', longestMs: short ? 200 : 500, random }
  const all = short ? fewDeaths(random) : manyDeaths(kills, random)

  return inScene({ engine }, async (scene) => {
    const spared = scene.start('spared', { worker: { lease: setting.lease, concurrency: 100 } })
    const steady = scene.start('steady', { produce: load(setting) })
    await spared.said('ready')
    await playDeaths(scene, all, short ? 8 : 4, setting)
    await steady.stop()
    await scene.drain()
    await spared.stop()

    const verdict = await scene.verdict()
    const died = scene.ledger.control.filter((line) => line.kind === 'fault').length
    const note = `lease ${setting.lease}, ${verdict.recovery.times} recoveries, longest ${verdict.recovery.maxMs} ms, ${verdict.recovered.length} unknown to their producer and there, ${verdict.failed.length} failed`
    return [row('kill', died, verdict, [...violations(verdict), ...slowRecovery(verdict)], note)]
  })
}
