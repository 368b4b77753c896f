import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, failed, jobs, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const after = (on: readonly string[], otherwise: 'cancel' | 'run' = 'cancel') => ({ after: { on, otherwise } })

/** A flow that is cancelled by hand, step by step, and retried so: those that others wait for go first. */
async function cancelAndRetry(scene: Scene, ...ids: string[]) {
  assert.deepEqual(await scene.store.cancel(ids.toReversed()), Array(ids.length).fill('cancelled'))
  assert.deepEqual(await scene.store.retry(ids), Array(ids.length).fill('retried'))
}

export function resuming(harness: StoreHarness): void {
  for (const otherwise of ['cancel', 'run'] as const) {
    test(`a step that never started, retried by hand, waits for those that have not ended (${otherwise})`, async (t) => {
      const scene = await setScene(harness, t)
      const worker = await scene.join()
      await scene.insert(...jobs(['done', 'a', 'b']), aJob({ id: 'join', ...after(['done', 'a', 'b'], otherwise) }))
      await scene.run(worker, succeeded)

      await cancelAndRetry(scene, 'a', 'b', 'join')

      assert.deepEqual(await scene.states('a', 'b', 'join'), ['ready', 'ready', 'blocked'])
      assert.equal((await scene.get('join')).pending, 2)
      for (const id of ['a', 'b']) assert.equal((await scene.run(worker, succeeded)).id, id)
      const [join] = await scene.claim(worker)
      assert.deepEqual([join?.id, join?.attempt], ['join', 1])
      assert.deepEqual(
        join?.members?.map(({ id, state }) => [id, state]),
        ['done', 'a', 'b'].map((id) => [id, 'succeeded']),
      )
    })
  }

  test('it waits as it did before: for their success, or only for their end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      aJob({ id: 'a' }),
      aJob({ id: 'strict', ...after(['a']) }),
      aJob({ id: 'then', ...after(['strict']) }),
      aJob({ id: 'lax', ...after(['a'], 'run') }),
    )
    await cancelAndRetry(scene, 'a', 'strict', 'then', 'lax')
    assert.deepEqual(await scene.states('strict', 'then', 'lax'), ['blocked', 'blocked', 'blocked'])

    await scene.run(worker, failed)
    await scene.upkeep()

    assert.deepEqual(await scene.states('strict', 'then', 'lax'), ['cancelled', 'cancelled', 'ready'])
    assert.equal((await scene.get('strict')).because, 'a')
    await scene.store.retry(['a'])
    await scene.upkeep()
    assert.deepEqual(await scene.states('strict', 'then'), ['blocked', 'blocked'])
  })

  test('where one has failed, it waits for the others, and then runs', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['bad', 'good']), aJob({ id: 'join', ...after(['bad', 'good']) }))
    await scene.run(worker, failed)
    await scene.upkeep()
    assert.equal(await scene.state('join'), 'cancelled')

    await scene.store.retry(['join'])

    assert.equal((await scene.get('join')).pending, 1)
    await scene.run(worker, succeeded)
    assert.deepEqual(await scene.claimedIds(worker), ['join'])
  })

  test('where all have ended, it runs at once', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }))
    await scene.store.cancel(['b', 'a'])

    await scene.store.retry(['b'])

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('its own time still holds', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']), due: { inMs: 5_000 } }))
    await cancelAndRetry(scene, 'a', 'b')

    await scene.run(worker, succeeded)
    await scene.upkeep()

    assert.equal(await scene.state('b'), 'scheduled')
    await scene.pass(6_000)
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
  })

  test('one that has started runs at once, whatever it waits for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'parent' }), aJob({ id: 'child', queue: 'elsewhere' }))
    await scene.run(worker, waitOn('child'))
    await scene.store.cancel(['parent'])

    await scene.store.retry(['parent'])

    assert.equal(await scene.state('parent'), 'ready')
    assert.deepEqual(await scene.claimedIds(worker), ['parent'])
  })

  test('one that is claimed, given back and cancelled has never started', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', ...after(['a']) }))
    await scene.run(worker, succeeded)
    const [b] = await scene.claim(worker)
    await scene.giveBack(worker, b!)
    await scene.store.cancel(['b'])

    await scene.store.retry(['a', 'b'])

    assert.deepEqual(await scene.states('a', 'b'), ['ready', 'blocked'])
  })

  test('many that are cancelled and retried go on in their order', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const waiters = Array.from({ length: 700 }, (_, n) => `w${n}`)
    await scene.insert(aJob({ id: 'a' }))
    for (let from = 0; from < waiters.length; from += 100)
      await scene.insert(...jobs(waiters.slice(from, from + 100), { queue: 'later', ...after(['a']) }))
    await scene.store.cancel(['a'])
    for (let from = 0; from < waiters.length; from += 100) await scene.store.cancel(waiters.slice(from, from + 100))
    await scene.store.retry(['a'])
    for (let from = 0; from < waiters.length; from += 100) await scene.store.retry(waiters.slice(from, from + 100))

    await scene.run(worker, succeeded)
    await scene.upkeep()

    const counts = (await scene.store.counts()).find(({ queue }) => queue === 'later')
    assert.equal(counts?.states.ready, 700)
  })
}
