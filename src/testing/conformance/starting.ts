import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedJob } from '../../store/store.ts'
import { aJob, jobs, retryIn, sleepFor, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const refused = [
  { kind: 'refused', reason: 'stale', other: 'parent' },
  { kind: 'refused', reason: 'companion' },
]

/** What a handler starts: a job and one that waits for it, as a flow does. */
function children({ id, claim }: ClaimedJob) {
  return [
    aJob({ id: 'child', queue: 'elsewhere', startedBy: { id, claim } }),
    aJob({ id: 'after', queue: 'elsewhere', after: { on: ['child'], otherwise: 'cancel' } }),
  ]
}

async function running(scene: Scene) {
  const worker = await scene.join()
  await scene.insert(aJob({ id: 'parent' }))
  const [parent] = await scene.claim(worker)

  return { worker, parent: parent! }
}

export function starting(harness: StoreHarness): void {
  test('a handler may start others while its job runs', async (t) => {
    const scene = await setScene(harness, t)
    const { parent } = await running(scene)

    const outcomes = await scene.insert(...children(parent))

    assert.deepEqual(outcomes, [{ kind: 'inserted' }, { kind: 'inserted' }])
    assert.deepEqual(await scene.insert(...children(parent)), [{ kind: 'exists' }, { kind: 'exists' }])
    assert.deepEqual(await scene.states('child', 'after'), ['ready', 'blocked'])
  })

  test('a plain job is started so as well', async (t) => {
    const scene = await setScene(harness, t)
    const { worker, parent } = await running(scene)
    const startedBy = { id: parent.id, claim: parent.claim }

    const before = await scene.store.insert([[aJob({ id: 'one', queue: 'elsewhere', startedBy })], jobs(['beside'])])
    await scene.settle(worker, parent, succeeded)
    const after = await scene.store.insert([[aJob({ id: 'two', queue: 'elsewhere', startedBy })], jobs(['other'])])

    assert.deepEqual(before, [[{ kind: 'inserted' }], [{ kind: 'inserted' }]])
    assert.deepEqual(after, [[refused[0]], [{ kind: 'inserted' }]])
    assert.deepEqual(await scene.store.get(['two']), [undefined])
  })

  test('once its cancel was asked for it starts nothing more', async (t) => {
    const scene = await setScene(harness, t)
    const { parent } = await running(scene)
    await scene.store.cancel(['parent'])

    const outcomes = await scene.insert(...children(parent))

    assert.deepEqual(outcomes, refused)
    assert.deepEqual(await scene.store.get(['child', 'after']), [undefined, undefined])
  })

  for (const [what, outcome] of Object.entries({
    success: succeeded,
    retry: retryIn(0),
    sleep: sleepFor(10_000),
    wait: waitOn('other'),
  })) {
    test(`after its ${what} it starts nothing more`, async (t) => {
      const scene = await setScene(harness, t)
      const { worker, parent } = await running(scene)
      await scene.insert(aJob({ id: 'other', queue: 'elsewhere' }))
      await scene.settle(worker, parent, outcome)

      assert.deepEqual(await scene.insert(...children(parent)), refused)
    })
  }

  test('a claim that was taken back starts nothing, and the next one does', async (t) => {
    const scene = await setScene(harness, t)
    const { parent } = await running(scene)
    await scene.silence()
    const [again] = await scene.claim(await scene.join())

    assert.deepEqual(await scene.insert(...children(parent)), refused)
    assert.equal((await scene.insert(...children(again!)))[0]!.kind, 'inserted')
  })

  test('the call is refused whichever of its jobs says so, and for a job that is not there', async (t) => {
    const scene = await setScene(harness, t)
    const { parent } = await running(scene)
    const { claim } = parent

    const outcomes = await scene.store.insert([
      [aJob({ id: 'a' }), aJob({ id: 'b', startedBy: { id: 'nobody', claim } })],
      [aJob({ id: 'c', startedBy: { id: 'parent', claim: claim + 1 } })],
      [aJob({ id: 'd' })],
    ])

    assert.deepEqual(outcomes, [
      [
        { kind: 'refused', reason: 'companion' },
        { ...refused[0], other: 'nobody' },
      ],
      [refused[0]],
      [{ kind: 'inserted' }],
    ])
    assert.deepEqual(await scene.store.get(['a', 'b', 'c']), [undefined, undefined, undefined])
  })
}
