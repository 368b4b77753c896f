/** Two stores, and short words for carrying jobs from one to the other. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { MovingJob, MovingStore } from '../../store/moving.ts'
import { ManualEnv } from '../manual-env.ts'
import type { StoreHarness } from './harness.ts'
import { Scene } from './scene.ts'

const room = { jobs: 100, bytes: 1 << 20 }

export interface Crossing {
  readonly from: Scene
  readonly to: Scene
  readonly source: MovingStore
  readonly destination: MovingStore
  /** Takes what may leave, over all pages. */
  take(): Promise<MovingJob[]>
  /** Takes, places and drops what may leave; answers the ids in the order of their placing. */
  carry(): Promise<string[]>
  /** The same from the destination to the source. */
  carryBack(): Promise<string[]>
}

export async function setCrossing(harness: StoreHarness, test: TestContext): Promise<Crossing> {
  const env = new ManualEnv()
  const [from, to] = [new Scene(await harness.open(env), env), new Scene(await harness.open(env), env)]
  test.after(() => Promise.all([from.store.close(), to.store.close()]))
  const [source, destination] = [from.store.moving, to.store.moving]

  return {
    from,
    to,
    source,
    destination,
    take: () => takeAll(source),
    carry: () => carry(source, destination),
    carryBack: () => carry(destination, source),
  }
}

async function takeAll(source: MovingStore): Promise<MovingJob[]> {
  const taken: MovingJob[] = []
  let cursor: string | undefined
  do {
    const page = await source.take(room, cursor)
    taken.push(...page.jobs)
    cursor = page.cursor
  } while (cursor !== undefined)
  return taken
}

async function carry(source: MovingStore, destination: MovingStore): Promise<string[]> {
  const carried: string[] = []
  let cursor: string | undefined
  do {
    const page = await source.take(room, cursor)
    const answers = await destination.place(page.jobs)
    assert.ok(!answers.includes('conflict'), 'every job finds its place')
    await source.drop(page.jobs)
    carried.push(...page.jobs.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  return carried
}
