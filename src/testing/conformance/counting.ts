import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobStates, type JobState } from '../../job.ts'
import { aJob, cancelled, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function counting(harness: StoreHarness): void {
  test('counts tell every state of every queue', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      ...jobs(['a', 'b', 'c', 'd', 'e']),
      aJob({ queue: 'late', due: { inMs: 1_000 } }),
      aJob({ held: true }),
    )
    await scene.run(worker, succeeded)
    await scene.run(worker, failed)
    await scene.claim(worker, { jobs: 1 })
    await scene.store.cancel(['d'])

    assert.deepEqual(await scene.store.counts(), [
      {
        queue: 'default',
        paused: false,
        states: states({ succeeded: 1, failed: 1, running: 1, cancelled: 1, ready: 1, blocked: 1 }),
      },
      { queue: 'late', paused: false, states: states({ scheduled: 1 }) },
    ])
  })

  test('counts agree with what can be found, whatever has happened', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(
      ...jobs(['a', 'b', 'c', 'd', 'e', 'f'], { keepFailedMs: 0 }),
      aJob({ after: { on: ['a'], otherwise: 'cancel' } }),
    )
    await scene.run(worker, retryIn(500))
    await scene.run(worker, waitOn('c'))
    await scene.run(worker, cancelled)
    await scene.store.remove(['d'])
    await scene.crash()
    await scene.store.change(['f'], { due: { inMs: 5_000 } })
    await scene.pass(70_000)

    const found = await scene.find()
    const [counts] = await scene.store.counts()

    for (const state of jobStates) {
      assert.equal(counts?.states[state], found.filter((job) => job.state === state).length, state)
    }
  })

  test('a queue stays listed when its jobs are gone', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.store.remove(['a'])

    assert.deepEqual(await scene.store.counts(), [{ queue: 'default', paused: false, states: states({}) }])
  })

  test('statistics count the runs of each minute by task and outcome', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const fromAt = scene.env.now()
    await scene.insert(...jobs(['a', 'b', 'c', 'd'], { task: 'mail' }), aJob({ id: 'e' }))
    await scene.run(worker, succeeded, { ranMs: 10 })
    await scene.run(worker, succeeded, { ranMs: 30 })
    await scene.run(worker, failed, { ranMs: 5 })
    await scene.env.advance(60_000)
    await scene.run(worker, retryIn(0), { ranMs: 7 })

    const rows = await scene.store.stats({ fromAt, toAt: fromAt + 120_000 })

    assert.deepEqual(rows, [
      { at: fromAt, task: 'mail', outcome: 'failed', count: 1, ranMs: 5 },
      { at: fromAt, task: 'mail', outcome: 'succeeded', count: 2, ranMs: 40 },
      { at: fromAt + 60_000, task: 'mail', outcome: 'retry', count: 1, ranMs: 7 },
    ])
  })

  test('statistics are given for the minutes of the window alone', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const began = scene.env.now()
    await scene.insert(...jobs(['a', 'b', 'c']))
    for (let n = 0; n < 3; n++) {
      await scene.run(worker, succeeded)
      await scene.env.advance(60_000)
    }

    const rows = await scene.store.stats({ fromAt: began + 60_000, toAt: began + 120_000 })

    assert.deepEqual(
      rows.map(({ at }) => at),
      [began + 60_000],
    )
  })

  test('statistics know rescues, expiries and cancelled runs', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 600_000 })
    const fromAt = scene.env.now()
    await scene.insert(aJob({ id: 'expires', due: { inMs: 9_000 }, expires: { inMs: 500 } }), aJob({ id: 'crashes' }))
    await scene.crash()
    const [job] = await scene.claim(worker)
    await scene.store.cancel(['crashes'])
    await scene.settle(worker, job!, succeeded)

    const rows = await scene.store.stats({ fromAt, toAt: Infinity })

    assert.deepEqual(
      rows.map(({ outcome, count }) => [outcome, count]),
      [
        ['cancelled', 1],
        ['expired', 1],
        ['rescued', 1],
      ],
    )
  })
}

function states(some: Partial<Record<JobState, number>>): Record<JobState, number> {
  return { ...(Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>), ...some }
}
