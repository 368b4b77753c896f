/** Work as usual, for faults of the store to strike: two workers and a producer, all of whom live to the end. */
import type { LaneOptions } from './lane.ts'
import type { Child } from './processes.ts'
import type { Scene } from './scene.ts'

export interface Load {
  /** Resolves when both workers have started more jobs: whatever was done to them, they go on. */
  goesOn(): Promise<void>
  /** No more jobs come, and those that are there are over. */
  drain(): Promise<void>
}

/** How the two sides reach the store, if not directly. */
export interface Ways {
  readonly worker?: string
  readonly producer?: string
}

const signsOfLife = 5

export async function startLoad(scene: Scene, seed: number, ways: Ways = {}): Promise<Load> {
  const worker = { worker: { lease: '8s', concurrency: 10 }, ...(ways.worker !== undefined && { place: ways.worker }) }
  const workers = [scene.start('worker', worker), scene.start('worker', worker)]
  await Promise.all(workers.map((each) => each.said('ready')))
  const produce = { jobs: 1_000_000, together: 5, everyMs: 30, longestMs: 100, delayedEvery: 10, seed }
  const producer = scene.start('producer', { produce, ...(ways.producer !== undefined && { place: ways.producer }) })
  const alive = (child: Child) => child.said('started', child.count('started') + signsOfLife)

  return {
    goesOn: async () => void (await Promise.all(workers.map(alive))),
    async drain() {
      await producer.stop()
      await scene.drain()
      await Promise.all(workers.map((each) => each.stop()))
    },
  }
}

/** As often as the short lane wants, or for as long as the whole one lasts. Gives how often. */
export async function playRounds(
  { short, minutes }: LaneOptions,
  few: number,
  play: (nth: number) => Promise<void>,
): Promise<number> {
  const until = performance.now() + minutes * 60_000
  let rounds = 0
  while (short ? rounds < few : performance.now() < until || rounds < few) await play(rounds++)

  return rounds
}
