import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, aSettlement, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

export function leases(harness: StoreHarness): void {
  test('the jobs of a silent worker run elsewhere within ten seconds (rq#756, arq#402, huey#598)', async (t) => {
    const scene = await setScene(harness, t)
    const silent = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    await scene.claim(silent)

    await scene.pass(9_000)

    const other = await scene.claim(await scene.join())
    assert.deepEqual(
      other.map(({ id, crashes, attempt }) => [id, crashes, attempt]),
      [
        ['a', 1, 1],
        ['b', 1, 1],
      ],
    )
  })

  test('a worker that keeps taking turns keeps its jobs (celery#4400)', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)

    for (let second = 0; second < 30; second++) {
      await scene.pass(1_000)
      await scene.turn(worker, { room: [] })
    }

    assert.equal(await scene.state('a'), 'running')
  })

  test('a lease lasts at least two thirds of its time after every turn', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 9_000 })

    for (const ms of [1_000, 2_900, 3_100, 500, 5_900]) {
      await scene.pass(ms)
      await scene.turn(worker, { room: [] })
      const [record] = await scene.store.workers()
      assert.ok(record!.leaseLeftMs >= 6_000, `${record!.leaseLeftMs} ms left`)
    }
  })

  test('silence is final: once rescued, an incarnation is gone and settles nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    await scene.silence()

    const late = await scene.store.turn({
      incarnation: worker,
      settled: [aSettlement(job!, succeeded)],
      givenBack: [],
      room: [],
    })

    assert.deepEqual(late, { gone: true })
    assert.equal(await scene.state('a'), 'ready')
    assert.equal(await scene.store.resync(worker), 'gone')
  })

  test('a worker that speaks after its lease but before any rescue lives on', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [job] = await scene.claim(worker)
    await scene.env.advance(20_000)

    const { stale } = await scene.settle(worker, job!, succeeded)

    assert.deepEqual(stale, [])
    await scene.pass(3_000)
    assert.equal((await scene.store.workers()).length, 1)
  })

  test('when the store itself was silent, leases are extended and nobody is rescued', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)
    await scene.pass(1_000)

    await scene.env.advance(60_000)
    const result = await scene.store.upkeep()

    assert.deepEqual([result.extended, result.rescued], [true, 0])
    assert.equal(await scene.state('a'), 'running')
    assert.equal((await scene.store.workers())[0]?.leaseLeftMs, 8_000)
  })

  test('a hasty worker is rescued though upkeep looks less often than half its lease', async (t) => {
    const scene = await setScene(harness, t)
    await scene.upkeep()
    await scene.join({ leaseMs: 600_000 })
    const hasty = await scene.join({ leaseMs: 1_000 })
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(hasty)

    await scene.pass(3_000)

    assert.equal(await scene.state('a'), 'ready')
  })

  test('a patient worker beside them makes nobody else count as dead', async (t) => {
    const scene = await setScene(harness, t)
    await scene.join({ leaseMs: 600_000 })
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(await scene.join())
    await scene.pass(1_000)

    await scene.env.advance(60_000)
    const result = await scene.store.upkeep()

    assert.deepEqual([result.extended, result.rescued], [true, 0])
  })

  test('a hasty worker has as long as others to come back to a store that was away', async (t) => {
    const scene = await setScene(harness, t)
    const hasty = await scene.join({ leaseMs: 1_000 })
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(hasty)
    await scene.env.advance(60_000)

    await scene.pass(7_000)

    assert.equal(await scene.state('a'), 'running')
    await scene.pass(2_000)
    assert.equal(await scene.state('a'), 'ready')
  })

  test('once it is heard again, its own lease counts', async (t) => {
    const scene = await setScene(harness, t)
    const hasty = await scene.join({ leaseMs: 1_000 })
    await scene.insert(aJob({ id: 'a' }))
    await scene.env.advance(60_000)
    await scene.upkeep()

    await scene.claim(hasty)
    await scene.pass(3_000)

    assert.equal(await scene.state('a'), 'ready')
  })

  test('after such an extension silence still counts', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(await scene.join())
    await scene.pass(1_000)
    await scene.env.advance(60_000)

    await scene.pass(9_000)

    assert.equal(await scene.state('a'), 'ready')
  })

  test('jumps of the wall clock neither rescue nor spare anybody', async (t) => {
    const scene = await setScene(harness, t)
    const [alive, silent] = [await scene.join(), await scene.join()]
    await scene.insert(...jobs(['a', 'b']))
    await scene.claim(alive, { jobs: 1 })
    await scene.claim(silent, { jobs: 1 })

    scene.env.jump(3_600_000)
    await scene.pass(3_000)
    await scene.turn(alive, { room: [] })
    scene.env.jump(-7_200_000)
    await scene.pass(6_000)

    assert.deepEqual(await scene.states('a', 'b'), ['running', 'ready'])
  })

  test('rescued jobs go to the front of their priority', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))
    await scene.claim(await scene.join(), { jobs: 1 })
    await scene.insert(aJob({ id: 'c' }))

    await scene.silence()

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a', 'b', 'c'])
  })

  test('a rescue raises crashes and costs no attempt', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(await scene.join(), retryIn(0))

    await scene.crash()

    const job = await scene.get('a')
    assert.deepEqual([job.attempt, job.crashes, job.state], [1, 1, 'ready'])
    assert.deepEqual((await scene.store.history('a'))?.attempts.length, 1)
  })

  test('a job that must not run twice fails when its worker goes silent', async (t) => {
    const scene = await setScene(harness, t)
    const onFailed = { task: 'else', queue: 'other', rank: 2, keepSucceededMs: 0, keepFailedMs: 0 } as const
    await scene.insert(aJob({ id: 'a', once: true, onFailed }))

    await scene.crash()

    const job = await scene.get('a')
    assert.equal(job.state, 'failed')
    assert.deepEqual([job.error?.name, job.error?.code], ['WorkerLostError', 'WORKER_LOST'])
    assert.equal((await scene.find({ tasks: ['else'] })).length, 1)
  })

  test('a rescue of many is bounded per call, and goes on in the next', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c']))
    await scene.claim(await scene.join())
    await passWithoutRescue(scene)

    const first = await scene.store.upkeep({ rescue: 2 })
    const second = await scene.store.upkeep({ rescue: 2 })

    assert.deepEqual([first.rescued, first.more, second.rescued, second.more], [2, true, 1, false])
  })

  test('leaving gives back what is held, untouched', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    await scene.claim(worker)

    await scene.store.leave(worker)

    assert.deepEqual(await scene.store.workers(), [])
    const [a, b] = await scene.claim(await scene.join())
    assert.deepEqual([a?.id, a?.crashes, b?.id, b?.crashes], ['a', 0, 'b', 0])
    assert.deepEqual(await scene.store.turn({ incarnation: worker, settled: [], givenBack: [], room: [] }), {
      gone: true,
    })
  })

  test('leaving twice, or without ever having joined, is harmless', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()

    await scene.store.leave(worker)
    await scene.store.leave(worker)
    await scene.store.leave('nobody')

    assert.deepEqual(await scene.store.workers(), [])
  })

  test('resync tells what an incarnation holds, claims and all', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']))
    const claimed = await scene.claim(worker, { jobs: 2 })
    await scene.settle(worker, claimed[0]!, succeeded)

    const answer = await scene.store.resync(worker)

    assert.deepEqual(answer, { messages: [], held: [claimed[1]] })
  })

  test('resync hands over the steps that were reported under the very claim', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [claim] = await scene.claim(worker)
    await scene.store.report(worker, [{ kind: 'step', claim: claim!, name: 'charge', result: '"paid"' }])

    const answer = await scene.store.resync(worker)

    assert.deepEqual(answer !== 'gone' && answer.held[0]?.steps, { charge: '"paid"' })
  })

  test('resync says of a held job that its cancel was asked for', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(worker)
    await scene.store.cancel(['a'])

    const answer = await scene.store.resync(worker)

    assert.equal(answer !== 'gone' && answer.held[0]?.cancelRequested, true)
  })

  test('workers are listed with what they said of themselves', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ name: 'one', queues: ['default', 'mail'], tasks: ['work'], slots: 3, pid: 42 })
    await scene.insert(aJob())
    await scene.claim(worker)

    assert.deepEqual(await scene.store.workers(), [
      {
        incarnation: worker,
        name: 'one',
        host: 'test',
        pid: 42,
        queues: ['default', 'mail'],
        tasks: ['work'],
        slots: 3,
        leaseMs: 8_000,
        leaseLeftMs: 8_000,
        startedAt: scene.env.now(),
        running: 1,
      },
    ])
  })
}

/** Lets a lease run out while upkeep keeps the store's stamp fresh; the last second is the caller's. */
async function passWithoutRescue(scene: Scene) {
  await scene.pass(7_000)
  await scene.env.advance(2_000)
}
