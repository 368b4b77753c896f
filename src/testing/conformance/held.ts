import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function held(harness: StoreHarness): void {
  test('a held job stays blocked until it is released, and then has succeeded', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'gate', held: true }))
    assert.deepEqual(await scene.claimedIds(await scene.join()), [])
    assert.deepEqual([await scene.state('gate'), (await scene.get('gate')).held], ['blocked', true])

    const answers = await scene.store.release([{ id: 'gate', result: '{"approved":true}' }])

    const gate = await scene.get('gate')
    assert.deepEqual(answers, ['released'])
    assert.deepEqual([gate.state, gate.result, gate.startedAt], ['succeeded', '{"approved":true}', undefined])
  })

  test('a released job opens what waits for it, with its result', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(
      aJob({ id: 'gate', held: true }),
      aJob({ id: 'b', after: { on: ['gate'], otherwise: 'cancel' } }),
    )

    await scene.store.release([{ id: 'gate', result: '7' }])

    const [b] = await scene.claim(await scene.join())
    assert.deepEqual(b?.members, [{ index: 0, id: 'gate', state: 'succeeded', result: '7' }])
  })

  test('a job is released once', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'gate', held: true }), aJob({ id: 'plain' }))

    const answers = await scene.store.release([
      { id: 'gate', result: '1' },
      { id: 'gate', result: '2' },
      { id: 'plain', result: '3' },
      { id: 'nobody', result: null },
    ])

    assert.deepEqual(answers, ['released', 'not held', 'not held', 'unknown'])
    assert.equal((await scene.get('gate')).result, '1')
  })

  test('a held job can be released before what else it waits for', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'gate', held: true, after: { on: ['a'], otherwise: 'cancel' } }))

    assert.deepEqual(await scene.store.release([{ id: 'gate', result: null }]), ['released'])
  })

  test('a held job stays held when all it waits for is done', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'gate', held: true, after: { on: ['a'], otherwise: 'cancel' } }))

    await scene.run(worker, succeeded)

    assert.deepEqual([await scene.state('gate'), (await scene.get('gate')).pending], ['blocked', 0])
    assert.deepEqual(await scene.claimedIds(worker), [])
  })

  test('a held job that is cancelled can no longer be released', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'gate', held: true }))

    assert.deepEqual(await scene.store.cancel(['gate']), ['cancelled'])
    assert.deepEqual(await scene.store.release([{ id: 'gate', result: null }]), ['not held'])
  })

  test('a held job can expire', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'gate', held: true, expires: { inMs: 1_000 } }))

    await scene.pass(1_000)

    assert.equal(await scene.state('gate'), 'expired')
  })

  test('a held job that is retried is held again', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'gate', held: true }))
    await scene.store.release([{ id: 'gate', result: '1' }])

    assert.deepEqual(await scene.store.retry(['gate']), ['retried'])

    assert.equal(await scene.state('gate'), 'blocked')
    assert.deepEqual(await scene.store.release([{ id: 'gate', result: '2' }]), ['released'])
    assert.equal((await scene.get('gate')).result, '2')
  })

  test('what follows success follows a release too', async (t) => {
    const scene = await setScene(harness, t)
    const onSucceeded = { task: 'then', queue: 'default', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await scene.insert(aJob({ id: 'gate', held: true, onSucceeded }))

    await scene.store.release([{ id: 'gate', result: '1' }])

    assert.equal((await scene.claim(await scene.join()))[0]?.task, 'then')
  })
}
