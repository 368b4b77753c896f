import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { aJob, jobs, succeeded } from '../../src/testing/conformance/builders.ts'
import { setScene, type Scene } from '../../src/testing/conformance/scene.ts'
import type { IncarnationId } from '../../src/store/store.ts'
import { aStore } from './sqlite-files.ts'

const rate = { name: 'rate', tokens: 2_000, perMs: 1_000 }
const many = 1_200

/** So many jobs of one rate, with a token for each, and one behind them that has no rate. */
async function aCrowd(t: TestContext): Promise<Scene> {
  const scene = await setScene({ name: 'sqlite', open: async (env) => aStore(t, { env }) }, t)
  const ids = Array.from({ length: many }, (_, n) => `j${n}`)
  for (let from = 0; from < many; from += 400) await scene.insert(...jobs(ids.slice(from, from + 400), { rate }))
  await scene.insert(aJob({ id: 'last' }))
  return scene
}

/** Turn by turn, until a turn says that there is nothing more. */
async function claimAll(scene: Scene, worker: IncarnationId): Promise<string[]> {
  const claimed: string[] = []
  for (let more = true; more;) {
    const turn = await scene.turn(worker, { room: [{ queues: ['default'], jobs: 100, bottomUp: 0 }] })
    claimed.push(...turn.claimed.map(({ id }) => id))
    more = turn.more
  }
  return claimed
}

describe('a rate with tokens for all of many ready jobs, on sqlite', () => {
  test('holds them all back once it is closed, and lets those behind them start', async (t) => {
    const scene = await aCrowd(t)
    const worker = await scene.join()

    await scene.run(worker, succeeded, { closesRateMs: 60_000 })

    assert.deepEqual(await claimAll(scene, worker), ['last'])
    await scene.env.advance(60_000)
    assert.equal((await claimAll(scene, worker)).length, many - 1)
  })

  test('starts no more of them than it is told by hand', async (t) => {
    const scene = await aCrowd(t)
    const worker = await scene.join()

    await scene.store.limit('rate', { tokens: 30 })

    assert.equal((await claimAll(scene, worker)).length, 31)
  })

  test('starts them in order with others that came between, whatever their rate', async (t) => {
    const scene = await aCrowd(t)
    const worker = await scene.join()
    await scene.insert(...jobs(['late'], { rate }), aJob({ id: 'later' }))

    assert.deepEqual((await claimAll(scene, worker)).slice(-3), ['last', 'late', 'later'])
  })
})
