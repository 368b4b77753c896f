import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const lane = (slots: number, name = 'lane') => ({ lane: { name, slots } })
const rate = (tokens: number, name = 'rate', perMs = 60_000) => ({ rate: { name, tokens, perMs } })

async function names({ store }: Scene, query: Parameters<Scene['store']['listLimits']>[0] = {}): Promise<string[]> {
  return (await store.listLimits(query)).map(({ name }) => name)
}

export function pinnedLimits(harness: StoreHarness): void {
  test('a value set by hand holds, whatever inserts bring', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', ...lane(3) }), aJob({ id: 'x', queue: 'rated', ...rate(3) }))

    await scene.store.limit('lane', { slots: 1 })
    await scene.store.limit('rate', { tokens: 1 })
    await scene.insert(...jobs(['b', 'c'], lane(3)), ...jobs(['y', 'z'], { queue: 'rated', ...rate(3) }))

    assert.deepEqual(await scene.claimedIds(worker), ['a'])
    assert.deepEqual(await scene.claimedIds(worker, { queues: ['rated'] }), ['x'])
  })

  test('a value can be set by hand before anybody names the limit', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.limit('lane', { slots: 1 })
    await scene.upkeep()

    await scene.insert(...jobs(['a', 'b'], lane(2)))

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a'])
  })

  test('once unpinned, the value stays until an insert brings its own', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], lane(3)))
    await scene.store.limit('lane', { slots: 1 })
    await scene.store.limit('lane', 'unpinned')
    const [a] = await scene.claim(worker, { jobs: 1 })

    assert.equal((await scene.store.listLimits({}))[0]!.slots, 1)
    await scene.insert(aJob({ id: 'd', ...lane(4) }))
    assert.equal((await scene.store.listLimits({}))[0]!.slots, 4)
    await scene.settle(worker, a!, succeeded)
    assert.deepEqual(await scene.claimedIds(worker), ['b', 'c', 'd'])
  })

  test('unpinning what nobody knows does nothing', async (t) => {
    const scene = await setScene(harness, t)

    await scene.store.limit('nobody', 'unpinned')

    assert.deepEqual(await scene.store.listLimits({}), [])
  })

  test('lanes tell their slots, who has one and who waits', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c', 'd', 'e'], lane(2)), aJob({ due: { inMs: 1_000 }, ...lane(2) }))
    await scene.claim(await scene.join(), { jobs: 1 })

    assert.deepEqual(await scene.store.listLimits({}), [
      { name: 'lane', slots: 2, taken: 2, waiting: 3, pinned: false },
    ])
  })

  test('rates tell their value, what is left of it, and for how long they are closed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c'], rate(3)))
    const [a] = await scene.claim(worker, { jobs: 2 })
    const value = { name: 'rate', tokens: 3, perMs: 60_000, pinned: false }

    assert.deepEqual(await scene.store.listLimits({}), [{ ...value, free: 1 }])
    await scene.settle(worker, a!, retryIn(1), { closesRateMs: 5_000 })
    await scene.env.advance(1_000)

    assert.deepEqual(await scene.store.listLimits({}), [{ ...value, free: 0, closedForMs: 4_000 }])
  })

  test('a lane and a rate of one name are one record', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ ...lane(2, 'api'), ...rate(5, 'api') }))
    await scene.store.limit('api', { slots: 1 })

    assert.deepEqual(await scene.store.listLimits({}), [
      { name: 'api', slots: 1, taken: 1, waiting: 0, tokens: 5, perMs: 60_000, free: 5, pinned: true },
    ])
  })

  test('setting one half of a name pins that half alone', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ ...lane(2, 'api'), ...rate(5, 'api') }))
    await scene.store.limit('api', { slots: 1 })

    await scene.insert(aJob({ ...lane(3, 'api'), ...rate(6, 'api') }))

    const [record] = await scene.store.listLimits({})
    assert.deepEqual([record!.slots, record!.tokens], [1, 6])
  })

  test('limits are listed by name, page by page, and by how their names begin', async (t) => {
    const scene = await setScene(harness, t)
    const some = ['a:2', 'b:1', 'a:10', 'a', 'a:1', 'ä', 'a:\u{1F600}', 'a:\uFF5E', 'c%', 'c_']
    await scene.insert(...some.map((name) => aJob(lane(1, name))), aJob(rate(1, 'b')))
    const sorted = ['a', 'a:1', 'a:10', 'a:2', 'a:\uFF5E', 'a:\u{1F600}', 'b', 'b:1', 'c%', 'c_', 'ä']

    assert.deepEqual(await names(scene), sorted)
    assert.deepEqual(await names(scene, { limit: 3 }), sorted.slice(0, 3))
    assert.deepEqual(await names(scene, { after: 'a:10', limit: 4 }), sorted.slice(3, 7))
    assert.deepEqual(await names(scene, { after: 'a:11' }), sorted.slice(3))
    assert.deepEqual(await names(scene, { prefix: 'a:' }), sorted.slice(1, 6))
    assert.deepEqual(await names(scene, { prefix: 'a:', after: 'a:2' }), sorted.slice(4, 6))
    assert.deepEqual(await names(scene, { prefix: 'c%' }), ['c%'])
    assert.deepEqual(await names(scene, { prefix: 'd' }), [])
  })

  test('a limit is there while an unfinished job names it, wherever that stands', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'runs', ...lane(1, 'running') }),
      aJob({ id: 'a', due: { inMs: 9_000 }, ...lane(1, 'scheduled') }),
      aJob({ id: 'b', held: true, ...rate(1, 'blocked') }),
    )
    const [runs] = await scene.claim(worker)
    assert.deepEqual(await names(scene), ['blocked', 'running', 'scheduled'])

    await scene.settle(worker, runs!, succeeded)
    await scene.store.cancel(['a'])
    await scene.store.remove(['b'])

    assert.deepEqual(await names(scene), [])
    await scene.store.retry(['a'])
    assert.deepEqual(await names(scene), ['scheduled'])
  })

  test('a rate is there while its starts count, or it is closed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob(rate(1, 'busy', 5_000)), aJob(rate(1, 'closed', 1)))
    const claimed = await scene.claim(worker)
    await scene.settle(worker, claimed[0]!, succeeded)
    await scene.settle(worker, claimed[1]!, succeeded, { closesRateMs: 3_000 })

    assert.deepEqual(await names(scene), ['busy', 'closed'])
    await scene.pass(3_000)
    assert.deepEqual(await names(scene), ['busy'])
    await scene.pass(2_000)
    assert.deepEqual(await names(scene), [])
  })

  test('what was set by hand is not forgotten', async (t) => {
    const scene = await setScene(harness, t)
    await scene.store.limit('lane', { slots: 1 })
    await scene.store.limit('rate', { tokens: 1, perMs: 1_000 })

    await scene.pass(60_000)

    assert.deepEqual(await names(scene), ['lane', 'rate'])
    await scene.store.limit('lane', 'unpinned')
    await scene.store.limit('rate', 'unpinned')
    assert.deepEqual(await names(scene), [])
  })

  test('thousands of names that came once leave nothing behind', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const count = 3_000
    const most = Math.min(scene.store.limits.jobsPerCall, 500)
    for (let from = 0; from < count; from += most) {
      const some = Array.from({ length: Math.min(most, count - from) }, (_, n) => `key:${from + n}`)
      await scene.insert(...some.map((name) => aJob({ keepSucceededMs: 0, ...lane(1, name), ...rate(1, name, 1_000) })))
      for (let claimed = await scene.claim(worker, { jobs: most }); claimed.length > 0;) {
        const settled = claimed.map(({ id, claim }) => ({ claim: { id, claim }, outcome: succeeded, ranMs: 0 }))
        const turn = await scene.turn(worker, {
          settled,
          room: [{ queues: ['default'], jobs: most, bottomUp: 0 }],
        })
        claimed = [...turn.claimed]
      }
    }
    assert.equal((await names(scene, { limit: 500 })).length, 500)

    await scene.pass(2_000)

    assert.deepEqual(await names(scene), [])
    assert.deepEqual(await scene.find(), [])
  })
}
