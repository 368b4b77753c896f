import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Claim, IncarnationId, Report, SettledWith, Settlement } from '../../store/store.ts'
import { aJob, aSettlement, jobs, succeeded } from './builders.ts'
import type { CallersTransaction, StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const never = new AbortController().signal

/** Enqueueing and ending jobs inside transactions of the caller's. */
export function callersTransactions(harness: StoreHarness): void {
  test("an engine says truly whether it can work in a caller's transaction", async (t) => {
    const scene = await setScene(harness, t)

    assert.equal(scene.store.capabilities.insertWith, harness.transaction !== undefined)
    assert.equal(scene.store.settleWith !== undefined, harness.transaction !== undefined)
  })

  if (!harness.transaction) return

  test('what is enqueued in a transaction is there when it is committed, and not before', async (t) => {
    const scene = await setScene(harness, t)
    const caller = await begun(harness, scene)

    const outcomes = await scene.store.insertWith!(caller.tx, [jobs(['a', 'b']), jobs(['c'])])
    const before = await scene.find()
    await caller.commit()

    assert.deepEqual(
      outcomes.flat().map(({ kind }) => kind),
      ['inserted', 'inserted', 'inserted'],
    )
    assert.deepEqual(before, [])
    assert.deepEqual(await scene.states('a', 'b', 'c'), ['ready', 'ready', 'ready'])
  })

  test('what is enqueued in a transaction that is rolled back is not there, and its names and keys are free', async (t) => {
    const scene = await setScene(harness, t)
    const job = aJob({ id: 'a', queue: 'new', task: 'new', unique: { key: 'k', scope: 'active', onConflict: 'keep' } })

    const caller = await begun(harness, scene)
    await scene.store.insertWith!(caller.tx, [[job]])
    await caller.rollback()

    assert.deepEqual(await scene.store.get(['a']), [undefined])
    assert.deepEqual(await scene.insert({ ...job, id: 'b' }), [{ kind: 'inserted' }])
  })

  test('a job of every kind can be enqueued in a transaction, and runs in the end', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'before' }))
    const kinds = [
      aJob({ id: 'later', due: { inMs: 1_000 } }),
      aJob({ id: 'waiter', after: { on: ['before'], otherwise: 'run' } }),
      aJob({ id: 'laned', lane: { name: 'l', slots: 1 } }),
      aJob({ id: 'next in lane', lane: { name: 'l', slots: 1 } }),
      aJob({ id: 'rated', rate: { name: 'r', tokens: 5, perMs: 1_000 } }),
      aJob({ id: 'keyed', unique: { key: 'k', scope: 'active', onConflict: 'keep' } }),
    ]

    const caller = await begun(harness, scene)
    await scene.store.insertWith!(caller.tx, [kinds])
    await caller.commit()
    const worker = await scene.join()
    for (let round = 0; round < 4; round++) {
      await scene.pass(1_000)
      for (const job of await scene.claim(worker)) await scene.settle(worker, job, succeeded)
    }

    assert.deepEqual(
      await scene.states(...kinds.map(({ id }) => id)),
      kinds.map(() => 'succeeded'),
    )
  })

  test('a call that is refused for a key that is taken leaves nothing of itself in a transaction', async (t) => {
    const scene = await setScene(harness, t)
    const unique = { key: 'k', scope: 'active', onConflict: 'refuse' } as const
    await scene.insert(aJob({ id: 'a', unique }))

    const caller = await begun(harness, scene)
    const [outcomes] = await scene.store.insertWith!(caller.tx, [[aJob({ id: 'first' }), aJob({ id: 'last', unique })]])
    await caller.commit()

    assert.deepEqual(outcomes, [
      { kind: 'refused', reason: 'companion' },
      { kind: 'refused', reason: 'taken', other: 'a' },
    ])
    assert.deepEqual(await scene.store.get(['first', 'last']), [undefined, undefined])
  })

  test('a call that is refused leaves the rest of the transaction as it was', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', input: '1' }))

    const caller = await begun(harness, scene)
    const outcomes = await scene.store.insertWith!(caller.tx, [
      [aJob({ id: 'b' }), aJob({ id: 'a', input: '2' })],
      [aJob({ id: 'c' })],
    ])
    await caller.commit()

    assert.deepEqual(
      outcomes.map((call) => call.map(({ kind }) => kind)),
      [['refused', 'refused'], ['inserted']],
    )
    assert.deepEqual(await scene.store.get(['b']), [undefined])
    assert.equal(await scene.state('c'), 'ready')
  })

  test("a worker that sleeps wakes after the caller's commit", async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.turn(worker, { park: true })
    const woken = scene.store.wait(worker, ['default'], 600_000, never)

    const caller = await begun(harness, scene)
    await scene.store.insertWith!(caller.tx, [[aJob()]])
    await caller.commit()

    assert.equal(await woken, 'work')
  })

  test('a job that is ended in a transaction has ended when it is committed, and is waited for no longer', async (t) => {
    const { scene, worker, claim } = await running(harness, t)
    await scene.insert(aJob({ id: 'waiter', after: { on: ['a'], otherwise: 'cancel' } }))
    const ended = scene.store.settled(['a'], 600_000, never)
    await scene.env.idle()

    const caller = await begun(harness, scene)
    const answer = await settle(
      scene,
      caller,
      worker,
      aSettlement(claim, succeeded, { followUps: [aJob({ id: 'f' })] }),
    )
    await caller.commit()

    assert.equal(answer, 'settled')
    assert.deepEqual(await ended, [{ id: 'a', state: 'succeeded', result: '{"done":true}' }])
    const job = await scene.get('a')
    assert.deepEqual([job.attempt, job.result], [1, '{"done":true}'])
    await scene.upkeep()
    assert.deepEqual(await scene.states('waiter', 'f'), ['ready', 'ready'])
  })

  test('until then it runs, and after a rollback it goes on', async (t) => {
    const { scene, worker, claim } = await running(harness, t)

    const caller = await begun(harness, scene)
    await settle(scene, caller, worker, aSettlement(claim, succeeded, { followUps: [aJob({ id: 'f' })] }))
    const during = await scene.state('a')
    await caller.rollback()

    assert.deepEqual([during, await scene.state('a')], ['running', 'running'])
    assert.deepEqual(await scene.store.get(['f']), [undefined])
    assert.deepEqual((await scene.settle(worker, { ...claim } as never, succeeded)).stale, [])
  })

  test('what the worker says of it after the commit is stale and changes nothing', async (t) => {
    const { scene, worker, claim } = await running(harness, t)

    const caller = await begun(harness, scene)
    await settle(scene, caller, worker, aSettlement(claim, succeeded))
    await caller.commit()
    const failed = { kind: 'failed', error: { name: 'Error', message: 'rolled back' } } as const
    const { stale } = await scene.settle(worker, claim as never, failed)

    assert.deepEqual(
      stale.map(({ id }) => id),
      ['a'],
    )
    assert.equal(await scene.state('a'), 'succeeded')
    await scene.silence()
    assert.equal(await scene.state('a'), 'succeeded')
  })

  test('one that another claim holds by now, or nobody, is stale', async (t) => {
    const { scene, worker, claim } = await running(harness, t)
    await scene.silence()
    const other = await scene.join()
    const [again] = await scene.claim(other)

    const caller = await begun(harness, scene)
    const answers = [
      await settle(scene, caller, worker, aSettlement(claim, succeeded)),
      await settle(scene, caller, other, aSettlement(claim, succeeded)),
      await settle(scene, caller, other, aSettlement({ id: 'nobody', claim: 1 }, succeeded)),
    ]
    await caller.commit()

    assert.deepEqual(answers, ['stale', 'stale', 'stale'])
    assert.equal(await scene.state('a'), 'running')
    assert.deepEqual((await scene.settle(other, again!, succeeded)).stale, [])
  })

  test('one whose cancel was asked for is not ended: it can only end cancelled', async (t) => {
    const { scene, worker, claim } = await running(harness, t)
    await scene.store.cancel(['a'])

    const caller = await begun(harness, scene)
    const answer = await settle(scene, caller, worker, aSettlement(claim, succeeded))
    await caller.commit()

    assert.equal(answer, 'cancelling')
    assert.equal(await scene.state('a'), 'running')
  })

  test('what the run said is committed with its end', async (t) => {
    const { scene, worker, claim } = await running(harness, t)
    const line = { at: scene.env.now(), level: 'info', message: 'nearly' } as const

    const caller = await begun(harness, scene)
    await settle(scene, caller, worker, aSettlement(claim, succeeded), [
      { kind: 'log', claim, line },
      { kind: 'progress', claim, progress: { done: 1 } },
    ])
    await caller.commit()

    assert.deepEqual((await scene.store.history('a'))?.log, [line])
    assert.deepEqual((await scene.get('a')).progress, { done: 1 })
  })

  test('the slot in its lane, its key and its place in the counts are free after the commit', async (t) => {
    const scene = await setScene(harness, t)
    const lane = { name: 'l', slots: 1 }
    const unique = { key: 'k', scope: 'active', onConflict: 'keep' } as const
    await scene.insert(aJob({ id: 'a', lane, unique }), aJob({ id: 'b', lane }))
    const worker = await scene.join()
    const [claim] = await scene.claim(worker)

    const caller = await begun(harness, scene)
    await settle(scene, caller, worker, aSettlement(claim!, succeeded))
    await caller.commit()
    await scene.upkeep()

    assert.deepEqual(await scene.claimedIds(worker), ['b'])
    assert.deepEqual(await scene.insert(aJob({ id: 'c', unique })), [{ kind: 'inserted' }])
    const [counts] = await scene.store.counts()
    assert.deepEqual([counts?.states.succeeded, counts?.states.running], [1, 1])
  })

  test('its end is told to those who listen, after the commit', async (t) => {
    const { scene, worker, claim } = await running(harness, t)
    const listener = await scene.listen(t, { ids: ['a'] })

    const caller = await begun(harness, scene)
    await settle(scene, caller, worker, aSettlement(claim, succeeded))
    await caller.commit()

    assert.deepEqual(await listener.kinds(1), ['succeeded a'])
  })

  test('what is no open transaction is refused', async (t) => {
    const { scene, worker, claim } = await running(harness, t)

    await assert.rejects(async () => scene.store.insertWith!({}, [[aJob()]]), { code: 'TRANSACTION' })
    await assert.rejects(async () => scene.store.settleWith!({}, worker, aSettlement(claim, succeeded)), {
      code: 'TRANSACTION',
    })
  })
}

async function begun(harness: StoreHarness, scene: Scene): Promise<CallersTransaction> {
  // A store opens at its first call, which must not be one that cannot wait.
  await scene.store.get([])

  return harness.transaction!(scene.store)
}

/** A job "a" that runs. */
async function running(harness: StoreHarness, t: TestContext) {
  const scene = await setScene(harness, t)
  await scene.insert(aJob({ id: 'a' }))
  const worker = await scene.join()
  const [claim] = await scene.claim(worker, { jobs: 1 })
  assert.ok(claim)

  return { scene, worker, claim: claim as Claim }
}

async function settle(
  scene: Scene,
  caller: CallersTransaction,
  worker: IncarnationId,
  settlement: Settlement,
  reports?: readonly Report[],
): Promise<SettledWith> {
  return scene.store.settleWith!(caller.tx, worker, settlement, reports)
}
