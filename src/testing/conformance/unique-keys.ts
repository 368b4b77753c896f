import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewJob, UniqueKey } from '../../store/store.ts'
import { aJob, failed, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const keyed = (id: string, unique: Partial<UniqueKey> = {}, more: Partial<NewJob> = {}) =>
  aJob({ id, ...more, unique: { key: 'k', scope: 'active', onConflict: 'keep', ...unique } })
const kept = (other: string) => [{ kind: 'kept', other }]
const inserted = [{ kind: 'inserted' }]

export function uniqueKeys(harness: StoreHarness): void {
  test('a second job with the key of another is not added', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))

    const outcomes = await scene.insert(keyed('b'))

    assert.deepEqual(outcomes, kept('a'))
    assert.deepEqual(await scene.store.get(['b']), [undefined])
  })

  test('keys are per task', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))

    assert.deepEqual(await scene.insert(keyed('b', {}, { task: 'other' })), inserted)
  })

  test('of two jobs with one key in one call the first is added', async (t) => {
    const scene = await setScene(harness, t)

    const outcomes = await scene.insert(keyed('a'), aJob({ id: 'plain' }), keyed('b'))

    assert.deepEqual(outcomes, [{ kind: 'inserted' }, { kind: 'inserted' }, { kind: 'kept', other: 'a' }])
  })

  test('an active key is held until its job is final, retries included', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(keyed('a'))

    await scene.run(worker, retryIn(0))
    assert.deepEqual(await scene.insert(keyed('b')), kept('a'))
    const [job] = await scene.claim(worker)
    assert.deepEqual(await scene.insert(keyed('b')), kept('a'))
    await scene.settle(worker, job!, failed)

    assert.deepEqual(await scene.insert(keyed('b')), inserted)
  })

  test('a waiting key is held until the first claim, and never again', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(keyed('a', { scope: 'waiting' }))
    assert.deepEqual(await scene.insert(keyed('b', { scope: 'waiting' })), kept('a'))

    const [job] = await scene.claim(worker)
    await scene.giveBack(worker, job!)

    assert.deepEqual(await scene.insert(keyed('b', { scope: 'waiting' })), inserted)
    assert.deepEqual(await scene.insert(keyed('c', { scope: 'waiting' })), kept('b'))
  })

  test('a key for a time outlives its job', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', { scope: { forMs: 10_000 } }))
    await scene.run(await scene.join(), succeeded)
    await scene.env.advance(9_999)
    assert.deepEqual(await scene.insert(keyed('b')), kept('a'))

    await scene.env.advance(1)

    assert.deepEqual(await scene.insert(keyed('b')), inserted)
  })

  test('a key for a time is free at its time though its job still waits', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', { scope: { forMs: 1_000 } }))

    await scene.pass(1_000)

    assert.deepEqual(await scene.insert(keyed('b', { scope: { forMs: 1_000 } })), inserted)
    assert.equal(await scene.state('a'), 'ready')
  })

  test('the end of an older job leaves a key alone that a newer one has taken', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(keyed('a', { scope: 'waiting' }))
    const [job] = await scene.claim(worker)
    await scene.insert(keyed('b', { scope: 'waiting' }))

    await scene.settle(worker, job!, succeeded)

    assert.deepEqual(await scene.insert(keyed('c')), kept('b'))
  })

  test('cancelling and removing free the key', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))

    await scene.store.cancel(['a'])
    assert.deepEqual(await scene.insert(keyed('b')), inserted)
    await scene.store.remove(['b'])
    assert.deepEqual(await scene.insert(keyed('c', { scope: { forMs: 60_000 } })), inserted)
    await scene.store.remove(['c'])

    assert.deepEqual(await scene.insert(keyed('d')), inserted)
  })

  test('cancelling does not free a key for a time', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', { scope: { forMs: 60_000 } }))

    await scene.store.cancel(['a'])

    assert.deepEqual(await scene.insert(keyed('b')), kept('a'))
  })

  test('replacing cancels the job that waits and adds the new one', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', {}, { due: { inMs: 5_000 } }))

    const outcomes = await scene.insert(keyed('b', { onConflict: 'replace' }, { due: { inMs: 5_000 } }))

    assert.deepEqual(outcomes, [{ kind: 'replaced', other: 'a' }])
    assert.deepEqual(await scene.states('a', 'b'), ['cancelled', 'scheduled'])
    assert.equal((await scene.get('a')).because, 'b')
    assert.deepEqual(await scene.insert(keyed('c')), kept('b'))
  })

  test('a job that has been claimed is not replaced', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))
    await scene.claim(await scene.join())

    const outcomes = await scene.insert(keyed('b', { onConflict: 'replace' }))

    assert.deepEqual(outcomes, kept('a'))
    assert.equal(await scene.state('a'), 'running')
  })

  test('a key for a time is not replaced once its job is final', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', { scope: { forMs: 60_000 } }))
    await scene.run(await scene.join(), succeeded)

    assert.deepEqual(await scene.insert(keyed('b', { onConflict: 'replace' })), kept('a'))
  })

  test('a key for a time is taken over by the job that replaces its own', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a', { scope: { forMs: 60_000 } }))

    await scene.insert(keyed('b', { onConflict: 'replace' }))

    assert.deepEqual(await scene.insert(keyed('c')), kept('b'))
    await scene.store.cancel(['b'])
    assert.deepEqual(await scene.insert(keyed('c')), inserted)
  })

  test('a job that is cancelled at once leaves its key to the next of its call', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'failed', queue: 'other' }), keyed('a'))
    await scene.store.cancel(['failed'])
    const after = { on: ['failed'], otherwise: 'cancel' } as const

    const outcomes = await scene.insert(keyed('b', { onConflict: 'replace' }, { after }), keyed('c'))

    assert.deepEqual(outcomes, [{ kind: 'replaced', other: 'a' }, { kind: 'inserted' }])
    assert.deepEqual(await scene.states('a', 'b', 'c'), ['cancelled', 'cancelled', 'ready'])
  })

  test('a job that waits for the one it replaces leaves its key to the next of its call', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))
    const after = { on: ['a'], otherwise: 'cancel' } as const

    const outcomes = await scene.insert(keyed('b', { onConflict: 'replace' }, { after }), keyed('c'))

    assert.deepEqual(outcomes, [{ kind: 'replaced', other: 'a' }, { kind: 'inserted' }])
    assert.deepEqual(await scene.states('a', 'b', 'c'), ['cancelled', 'cancelled', 'ready'])
  })

  test('a job that waits for one replaced earlier in its call leaves its key to the next', async (t) => {
    const scene = await setScene(harness, t)
    const after = { on: ['a'], otherwise: 'cancel' } as const

    const outcomes = await scene.insert(
      keyed('a'),
      keyed('b', { onConflict: 'replace' }),
      keyed('c', { key: 'other' }, { after }),
      keyed('d', { key: 'other' }),
    )

    assert.deepEqual(outcomes, [...inserted, { kind: 'replaced', other: 'a' }, ...inserted, ...inserted])
    assert.deepEqual(await scene.states('a', 'b', 'c', 'd'), ['cancelled', 'ready', 'cancelled', 'ready'])
  })

  test('a call is refused whole where one of its jobs asks for that and its key is taken', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))
    const after = { on: ['first'], otherwise: 'cancel' } as const

    const outcomes = await scene.insert(aJob({ id: 'first' }), keyed('last', { onConflict: 'refuse' }, { after }))

    assert.deepEqual(outcomes, [
      { kind: 'refused', reason: 'companion' },
      { kind: 'refused', reason: 'taken', other: 'a' },
    ])
    assert.deepEqual(await scene.store.get(['first', 'last']), [undefined, undefined])
  })

  test('a job that would be refused for its key takes one that is free, and is there when it comes again', async (t) => {
    const scene = await setScene(harness, t)

    assert.deepEqual(await scene.insert(keyed('a', { onConflict: 'refuse' })), inserted)
    assert.deepEqual(await scene.insert(keyed('a', { onConflict: 'refuse' })), [{ kind: 'exists' }])
    assert.deepEqual(await scene.insert(keyed('b')), kept('a'))
  })

  test('a retry by hand does not take the key again', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(keyed('a'))
    await scene.run(await scene.join(), failed)

    await scene.store.retry(['a'])

    assert.deepEqual(await scene.insert(keyed('b')), inserted)
  })
}
