import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, succeeded } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'

const hour = 3_600_000

export function movingLimits(harness: StoreHarness): void {
  test('a lane lets the next one out when one leaves, and holds where they arrive', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to, source, destination } = crossing
    const lane = { name: 'one', slots: 1 }
    await from.insert(...jobs(['a', 'b', 'c'], { lane }))
    const { jobs: first } = await source.take({ jobs: 1, bytes: 1 << 20 })
    const worker = await from.join()
    const [b] = await from.claim(worker)
    assert.deepEqual([first[0]!.id, b!.id], ['a', 'b'])

    await to.store.limit('one', { slots: 2 })
    await destination.place(first)
    await source.drop(first)
    await from.giveBack(worker, b!)
    await crossing.carry()

    assert.deepEqual(await to.claimedIds(await to.join()), ['a', 'b'])
    assert.equal(await to.state('c'), 'ready')
  })

  test('a rate goes along with its value', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['a', 'b', 'c'], { rate: { name: 'slow', tokens: 1, perMs: hour } }))
    await from.store.limit('slow', { tokens: 2 })

    await crossing.carry()

    assert.deepEqual(await to.claimedIds(await to.join()), ['a', 'b'])
  })

  test('a unique key goes along; where another holds it there, the job arrives without it', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    const unique = (key: string, scope: 'active' | { forMs: number } = 'active') =>
      ({ key, scope, onConflict: 'keep' }) as const
    await from.insert(aJob({ id: 'a', unique: unique('free') }), aJob({ id: 'b', unique: unique('taken') }))
    await from.insert(aJob({ id: 'c', unique: unique('hour', { forMs: hour }) }))
    await to.insert(aJob({ id: 'holder', unique: unique('taken') }))
    await from.env.advance(hour / 2)

    await crossing.carry()

    assert.equal((await to.get('b')).state, 'ready')
    const kept = (other: string) => [{ kind: 'kept', other }]
    assert.deepEqual(await to.insert(aJob({ id: 'x', unique: unique('free') })), kept('a'))
    assert.deepEqual(await to.insert(aJob({ id: 'x', unique: unique('taken') })), kept('holder'))
    assert.deepEqual(await to.insert(aJob({ id: 'x', unique: unique('hour', { forMs: hour }) })), kept('c'))
    assert.deepEqual(await from.insert(aJob({ id: 'x', unique: unique('hour', { forMs: hour }) })), kept('c'))
    assert.deepEqual(await from.insert(aJob({ id: 'x', unique: unique('free') })), [{ kind: 'inserted' }])
    await to.env.advance(hour / 2)
    assert.deepEqual(await to.insert(aJob({ id: 'x', unique: unique('hour') })), [{ kind: 'inserted' }])
    const worker = await to.join()
    const claimed = await to.claim(worker)
    await to.settle(
      worker,
      claimed.find(({ id }) => id === 'a')!,
      succeeded,
    )
    assert.deepEqual(await to.insert(aJob({ id: 'y', unique: unique('free') })), [{ kind: 'inserted' }])
  })

  test('a leaving job keeps its key and is not replaced', async (t) => {
    const crossing = await setCrossing(harness, t)
    const unique = { key: 'k', scope: 'active', onConflict: 'replace' } as const
    await crossing.from.insert(aJob({ id: 'a', unique }))
    await crossing.take()

    assert.deepEqual(await crossing.from.insert(aJob({ id: 'b', unique })), [{ kind: 'kept', other: 'a' }])
  })
}
