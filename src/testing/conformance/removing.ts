import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, aTurn, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function removing(harness: StoreHarness): void {
  test('a removed job is gone with all it has', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    const line = { at: 1, level: 'info', message: 'hello' } as const
    await scene.store.report(worker, [{ kind: 'log', claim: job!, line }])
    await scene.settle(worker, job!, succeeded)

    const answers = await scene.store.remove(['a'])

    assert.deepEqual(answers, ['removed'])
    assert.deepEqual(await scene.store.get(['a']), [undefined])
    assert.equal(await scene.store.history('a'), undefined)
    assert.deepEqual(await scene.find(), [])
    assert.ok((await scene.store.counts()).every(({ states }) => Object.values(states).every((count) => count === 0)))
  })

  test('a removed waiting job never runs', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']), aJob({ id: 'c', due: { inMs: 10 } }))

    await scene.store.remove(['a', 'c'])
    await scene.pass(1_000)

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['b'])
  })

  test('a running job cannot be removed', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(await scene.join())

    assert.deepEqual(await scene.store.remove(['a', 'nobody']), ['running', 'unknown'])
    assert.equal(await scene.state('a'), 'running')
  })

  test('the id of a removed job is free', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', input: '1' }))
    await scene.store.remove(['a'])

    const outcomes = await scene.insert(aJob({ id: 'a', input: '2' }))

    assert.deepEqual(outcomes, [{ kind: 'inserted' }])
    assert.equal((await scene.get('a')).input, '2')
  })

  test('nothing of a removed job clings to a later one of its id', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)
    await scene.store.report(worker, [{ kind: 'step', claim: first!, name: 'one', result: '1' }])
    await scene.settle(worker, first!, { kind: 'failed', error: { name: 'Error', message: 'no' } })
    await scene.store.remove(['a'])

    await scene.insert(aJob({ id: 'a' }))

    const [second] = await scene.claim(worker)
    assert.deepEqual([second?.attempt, second?.steps], [1, undefined])
    assert.ok(second!.claim > first!.claim)
    assert.deepEqual(await scene.store.history('a'), { attempts: [], log: [] })
    const late = await scene.store.turn(aTurn({ incarnation: worker, givenBack: [{ claim: first! }], room: [] }))
    assert.equal(late.gone === false && late.stale.length, 1)
  })
}
