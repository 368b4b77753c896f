import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredLine } from '../../job.ts'
import { aJob, failed, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const line = (message: string): StoredLine => ({ at: 7, level: 'info', message, data: { n: [1, 'ü'] } })

export function reporting(harness: StoreHarness): void {
  test('the latest progress of a job is what is read', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [claim] = await scene.claim(worker)

    const answers = await scene.store.report(worker, [
      { kind: 'progress', claim: claim!, progress: { done: 1, of: 3, note: 'first' } },
      { kind: 'progress', claim: claim!, progress: { done: 2, of: 3, data: { left: ['x'] } } },
    ])

    assert.deepEqual(answers, ['written', 'written'])
    assert.deepEqual((await scene.get('a')).progress, { done: 2, of: 3, data: { left: ['x'] } })
  })

  test('log lines are kept in order, over attempts and beyond the end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))

    for (const [messages, outcome] of [
      [['one', 'two'], retryIn(0)],
      [['three'], succeeded],
    ] as const) {
      const [claim] = await scene.claim(worker)
      await scene.store.report(
        worker,
        messages.map((message) => ({ kind: 'log' as const, claim: claim!, line: line(message) })),
      )
      await scene.settle(worker, claim!, outcome)
    }

    assert.deepEqual((await scene.store.history('a'))?.log, [line('one'), line('two'), line('three')])
  })

  test('the first result of a step holds, and later attempts are given it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)
    assert.equal(first?.steps, undefined)

    const answers = await scene.store.report(worker, [
      { kind: 'step', claim: first!, name: 'charge', result: '"paid"' },
      { kind: 'step', claim: first!, name: 'charge', result: '"again"' },
      { kind: 'step', claim: first!, name: 'ship', result: '1' },
    ])
    await scene.settle(worker, first!, retryIn(0))

    assert.deepEqual(answers, ['written', 'duplicate', 'written'])
    const [second] = await scene.claim(worker)
    assert.deepEqual(second?.steps, { charge: '"paid"', ship: '1' })
    assert.deepEqual(await scene.store.report(worker, [{ kind: 'step', claim: second!, name: 'ship', result: '2' }]), [
      'duplicate',
    ])
  })

  test('steps survive a crash and a failure, and end with success', async (t) => {
    const scene = await setScene(harness, t)
    const silent = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(silent)
    await scene.store.report(silent, [{ kind: 'step', claim: first!, name: 'one', result: '1' }])
    await scene.silence()
    const worker = await scene.join()

    const second = await scene.run(worker, failed)
    await scene.store.retry(['a'])
    const third = await scene.run(worker, succeeded)
    await scene.store.retry(['a'])
    const fourth = await scene.run(worker, succeeded)

    assert.deepEqual([second.steps, third.steps, fourth.steps], [{ one: '1' }, { one: '1' }, undefined])
  })

  test('a stale claim writes nothing: no progress, no log, no step', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [old] = await scene.claim(worker)
    await scene.giveBack(worker, old!)
    await scene.claim(worker)

    const answers = await scene.store.report(worker, [
      { kind: 'progress', claim: old!, progress: { done: 1 } },
      { kind: 'log', claim: old!, line: line('late') },
      { kind: 'step', claim: old!, name: 'one', result: '1' },
    ])

    assert.deepEqual(answers, ['stale', 'stale', 'stale'])
    assert.equal((await scene.get('a')).progress, undefined)
    assert.deepEqual((await scene.store.history('a'))?.log, [])
  })

  test('nobody reports for another incarnation, nor after a rescue', async (t) => {
    const scene = await setScene(harness, t)
    const [holder, other] = [await scene.join(), await scene.join()]
    await scene.insert(aJob({ id: 'a' }))
    const [claim] = await scene.claim(holder)
    const progress = { kind: 'progress', claim: claim!, progress: { done: 1 } } as const

    assert.deepEqual(await scene.store.report(other, [progress]), ['stale'])
    await scene.silence()
    assert.deepEqual(await scene.store.report(holder, [progress]), ['stale'])
    assert.deepEqual(await scene.store.report('nobody', [progress]), ['stale'])
  })

  test('a job that is being cancelled may still report', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [claim] = await scene.claim(worker)
    await scene.store.cancel(['a'])

    assert.deepEqual(await scene.store.report(worker, [{ kind: 'progress', claim: claim!, progress: { done: 1 } }]), [
      'written',
    ])
  })

  test('the history of a job nobody knows is undefined', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    assert.deepEqual(await scene.store.history('a'), { attempts: [], log: [] })
    assert.equal(await scene.store.history('nobody'), undefined)
  })
}
