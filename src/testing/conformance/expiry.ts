import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const expires = (inMs: number) => ({ expires: { inMs } })

export function expiry(harness: StoreHarness): void {
  test('a job that was not started in time expires', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', ...expires(5_000) }))
    assert.equal((await scene.get('a')).expiresAt, scene.env.now() + 5_000)
    await scene.pass(4_000)
    assert.equal(await scene.state('a'), 'ready')

    await scene.env.advance(1_000)
    const { expired } = await scene.store.upkeep()

    assert.equal(expired, 1)
    const job = await scene.get('a')
    assert.deepEqual([job.state, job.finishedAt], ['expired', scene.env.now()])
  })

  test('scheduled and blocked jobs expire too', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(
      aJob({ id: 'later', due: { inMs: 60_000 }, ...expires(1_000) }),
      aJob({ id: 'held', held: true, ...expires(1_000) }),
    )

    await scene.pass(2_000)

    assert.deepEqual(await scene.states('later', 'held'), ['expired', 'expired'])
  })

  test('an overdue job is never claimed, even before upkeep has seen it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], expires(1_000)), aJob({ id: 'c' }))
    await scene.env.advance(1_000)

    const first = await scene.turn(worker, { room: [{ queues: ['default'], jobs: 1, bottomUp: 0 }] })
    const claimed = [...first.claimed, ...(first.claimed.length > 0 ? [] : await scene.claim(worker))]

    assert.equal(first.more, true)
    assert.deepEqual(
      claimed.map(({ id }) => id),
      ['c'],
    )
    assert.deepEqual(await scene.states('a', 'b'), ['expired', 'expired'])
  })

  test('a job that runs does not expire', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 600_000 })
    await scene.insert(aJob({ id: 'a', ...expires(1_000) }))
    const [job] = await scene.claim(worker)

    await scene.pass(2_000)

    assert.equal(await scene.state('a'), 'running')
    assert.deepEqual((await scene.settle(worker, job!, succeeded)).stale, [])
  })

  test('a job given back unstarted can still expire', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 600_000 })
    await scene.insert(aJob({ id: 'a', ...expires(3_000) }))
    const [job] = await scene.claim(worker)
    await scene.pass(4_000)

    await scene.giveBack(worker, job!)
    await scene.upkeep()

    assert.equal(await scene.state('a'), 'expired')
  })

  test('a job that has really started once no longer expires', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'retried', ...expires(3_000) }), aJob({ id: 'rescued', ...expires(3_000) }))
    await scene.run(await scene.join(), retryIn(0))
    assert.equal((await scene.crash()).id, 'rescued')

    await scene.pass(4_000)

    assert.deepEqual(await scene.states('retried', 'rescued'), ['ready', 'ready'])
  })

  test('an expiry frees the key and the slot, and enqueues what follows failure', async (t) => {
    const scene = await setScene(harness, t)
    const onFailed = { task: 'else', queue: 'other', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    const unique = { key: 'k', scope: 'active', onConflict: 'keep' } as const
    const lane = { name: 'lane', slots: 1 }
    await scene.insert(aJob({ id: 'a', unique, lane, onFailed, ...expires(1_000) }), aJob({ id: 'b', lane }))

    await scene.pass(1_000)

    assert.deepEqual(await scene.insert(aJob({ id: 'c', unique })), [{ kind: 'inserted' }])
    assert.deepEqual(await scene.claimedIds(await scene.join()), ['b', 'c'])
    const [next] = await scene.find({ tasks: ['else'] })
    assert.equal(JSON.parse(next!.input).state, 'expired')
  })
}
