import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const rate = (tokens: number, perMs = 60_000, name = 'rate') => ({ rate: { name, tokens, perMs } })

export function rates(harness: StoreHarness): void {
  test('no more jobs of a rate start within its time than it has tokens', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], rate(2)))

    assert.deepEqual(await scene.claimedIds(worker), ['a', 'b'])
    await scene.env.advance(59_999)
    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.env.advance(1)

    assert.deepEqual(await scene.claimedIds(worker), ['c'])
  })

  test('the window slides: a token comes back when its own start has left it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], rate(2, 10_000)))
    const starts: [string, number][] = []
    const began = scene.env.now()

    for (let second = 0; second < 20; second++) {
      const room = { jobs: second === 0 ? 1 : 10 }
      for (const id of await scene.claimedIds(worker, room)) starts.push([id, (scene.env.now() - began) / 1_000])
      await scene.env.advance(1_000)
    }

    assert.deepEqual(starts, [
      ['a', 0],
      ['b', 1],
      ['c', 10],
      ['d', 11],
    ])
  })

  test('the end of a job gives no token back', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], rate(1)))

    await scene.run(worker, succeeded)

    assert.deepEqual(await scene.claimedIds(worker), [])
  })

  test('a job given back unstarted returns its token', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], rate(1)))
    const [a] = await scene.claim(worker)

    await scene.giveBack(worker, a!)

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
  })

  test('each of several starts within one moment takes a token', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', ...rate(3) }))

    for (let n = 0; n < 3; n++) await scene.run(worker, retryIn(0))

    assert.deepEqual(await scene.claimedIds(worker), [])
  })

  test('leaving returns the tokens of what was held', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], rate(1)))
    await scene.claim(worker)

    await scene.store.leave(worker)

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a'])
  })

  test('a crash returns no token', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b'], rate(1)))

    await scene.crash()

    assert.deepEqual(await scene.claimedIds(await scene.join()), [])
  })

  test('jobs that wait for a token hold up nobody', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      ...jobs(['a', 'b', 'c'], rate(1)),
      ...jobs(['x', 'y']),
      aJob({ id: 'other', ...rate(1, 60_000, 'other') }),
    )

    assert.deepEqual(await scene.claimedIds(worker), ['a', 'x', 'y', 'other'])
  })

  test('limited and plain jobs are claimed in one order', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(
      aJob({ id: 'a', ...rate(5) }),
      aJob({ id: 'b' }),
      aJob({ id: 'c', ...rate(5, 60_000, 'x') }),
      aJob({ id: 'd', ...rate(5) }),
    )

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'b', 'c', 'd'])
  })

  test('a turn says when the next token falls due', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], rate(1, 10_000)))
    await scene.claim(worker)
    await scene.env.advance(4_000)

    assert.equal((await scene.turn(worker)).nextDueMs, 6_000)
  })

  test('the value of a rate can be changed for jobs that wait', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], rate(1)))
    await scene.claim(worker)

    await scene.store.limit('rate', { tokens: 3, perMs: 60_000 })
    assert.deepEqual(await scene.claimedIds(worker), ['b', 'c'])
    await scene.store.limit('rate', { perMs: 1_000 })
    await scene.env.advance(1_000)

    assert.deepEqual(await scene.claimedIds(worker), ['d'])
  })

  test('a lane and a rate of one job both hold', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], { ...rate(2), lane: { name: 'lane', slots: 1 } }))

    await scene.run(worker, succeeded)
    await scene.run(worker, succeeded)

    assert.deepEqual(await scene.claimedIds(worker), [])
    await scene.env.advance(60_000)
    assert.deepEqual(await scene.claimedIds(worker), ['c'])
  })

  test('waiting limited jobs can be cancelled, removed and given another priority', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c', 'd', 'e'], rate(1, 1_000)))
    await scene.claim(worker)

    await scene.store.cancel(['b'])
    await scene.store.remove(['c'])
    await scene.store.change(['e'], { rank: 0 })

    await scene.env.advance(1_000)
    assert.deepEqual(await scene.claimedIds(worker), ['e'])
    await scene.env.advance(1_000)
    assert.deepEqual(await scene.claimedIds(worker), ['d'])
  })
}
