import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rank } from '../../job.ts'
import { aJob, jobs } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const ranked = (...ranks: Rank[]) => ranks.map((rank, n) => aJob({ id: `${rank}${'abcdef'[n]}`, rank }))

export function priorities(harness: StoreHarness): void {
  test('the more urgent is claimed first, and among equals the earlier (celery#4028, #8967)', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...ranked(3, 0, 2, 0, 1, 3))

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['0b', '0d', '1e', '2c', '3a', '3f'])
  })

  test('the last few come from the bottom, so that the low never starve', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(
      ...jobs(['u1', 'u2', 'u3', 'u4'], { rank: 0 }),
      ...jobs(['n1'], { rank: 2 }),
      ...jobs(['l1', 'l2'], { rank: 3 }),
    )
    const worker = await scene.join()

    assert.deepEqual(await scene.claimedIds(worker, { jobs: 3, bottomUp: 1 }), ['u1', 'u2', 'l1'])
    assert.deepEqual(await scene.claimedIds(worker, { jobs: 4, bottomUp: 2 }), ['u3', 'u4', 'l2', 'n1'])
  })

  test('a room all from the bottom is filled from the bottom', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...ranked(0, 3, 1, 3))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { jobs: 3, bottomUp: 3 }), ['3b', '3d', '1c'])
  })

  test('the bottom goes by the queues in their order too', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', queue: 'one', rank: 0 }), aJob({ id: 'b', queue: 'two', rank: 3 }))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { queues: ['one', 'two'], jobs: 1, bottomUp: 1 }), [
      'a',
    ])
  })

  test('what is taken from the bottom is not taken twice', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { jobs: 6, bottomUp: 3 }), ['a', 'b'])
  })
}
