import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

const expires = { expires: { inMs: 3_000 } }
const rate = { name: 'rate', tokens: 1, perMs: 60_000 }

export function givingBack(harness: StoreHarness): void {
  test('a job given back is as if it had never been claimed', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const before = await scene.get('a')

    const [job] = await scene.claim(worker)
    await scene.giveBack(worker, job!)

    assert.deepEqual(await scene.get('a'), before)
  })

  test('a job given back goes to the front of its priority', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b', 'c']))

    const [, b] = await scene.claim(worker, { jobs: 2 })
    await scene.giveBack(worker, b!)

    assert.deepEqual(await scene.claimedIds(worker), ['b', 'c'])
  })

  test('a job given back with a delay is not claimed before, and then stands at the end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))

    const [a] = await scene.claim(worker, { jobs: 1 })
    await scene.giveBack(worker, a!, 2_000)

    const job = await scene.get('a')
    assert.equal(job.state, 'scheduled')
    assert.equal(job.dueAt, scene.env.now() + 2_000)
    assert.equal(job.attempt, 0)
    await scene.env.advance(2_000)
    await scene.upkeep()
    assert.deepEqual(await scene.claimedIds(worker), ['b', 'a'])
  })

  test('giving back loses no attempt', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    await scene.run(worker, retryIn(0))

    const [second] = await scene.claim(worker)
    await scene.giveBack(worker, second!)

    const [third] = await scene.claim(worker)
    assert.deepEqual([second!.attempt, third!.attempt], [2, 2])
  })

  test('a stale give-back changes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)
    await scene.giveBack(worker, first!)
    await scene.claim(worker)

    const { stale } = await scene.giveBack(worker, first!)

    assert.deepEqual(stale, [{ id: 'a', claim: first!.claim }])
    assert.equal(await scene.state('a'), 'running')
  })

  test('what was given back can be claimed in the same turn', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [first] = await scene.claim(worker)

    const { claimed } = await scene.turn(worker, { givenBack: [{ claim: first! }] })

    assert.equal(claimed[0]?.id, 'a')
    assert.ok(claimed[0]!.claim > first!.claim)
  })

  test('a job that had started when it was given back does not expire any more', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 600_000 })
    await scene.insert(aJob({ id: 'slept', ...expires }), aJob({ id: 'stopped', ...expires }))
    const [slept, stopped] = await scene.claim(worker)

    await scene.giveBack(worker, slept!, 10_000, { started: true })
    await scene.giveBack(worker, stopped!, 0, { started: true })
    const [again] = await scene.claim(worker)
    await scene.giveBack(worker, again!)
    await scene.pass(4_000)

    assert.deepEqual(await scene.states('slept', 'stopped'), ['scheduled', 'ready'])
    assert.equal((await scene.get('slept')).expiresAt, undefined)
    await scene.pass(7_000)
    assert.deepEqual((await scene.claimedIds(worker)).toSorted(), ['slept', 'stopped'])
  })

  test('a job that had started when it was given back has used its token', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b'], { rate }))
    const [a] = await scene.claim(worker)

    await scene.giveBack(worker, a!, 0, { started: true })

    assert.deepEqual(await scene.claimedIds(worker), [])
  })

  test('a job that had started when it was given back keeps its start, its place and its attempts', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    const startedAt = scene.env.now()
    const [a] = await scene.claim(worker, { jobs: 1 })
    await scene.env.advance(1_000)

    await scene.giveBack(worker, a!, 0, { started: true })

    assert.deepEqual([(await scene.get('a')).startedAt, (await scene.get('a')).attempt], [startedAt, 0])
    const [first] = await scene.claim(worker, { jobs: 1 })
    assert.deepEqual([first?.id, first?.attempt], ['a', 1])
  })

  test('a job that had started when it was given back is cancelled as one that has started', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const startedAt = scene.env.now()
    const [a] = await scene.claim(worker)
    await scene.store.cancel(['a'])

    await scene.giveBack(worker, a!, 1_000, { started: true })

    const { state, ...job } = await scene.get('a')
    assert.deepEqual([state, job.startedAt], ['cancelled', startedAt])
  })

  test('what a worker leaves behind comes back in the order of its insertion, and the first leads', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const lane = { name: 'batch', slots: 1, gather: { size: 2, waitMs: 1_000 } }
    await scene.insert(aJob({ id: 'low', rank: 3, lane }), aJob({ id: 'high', rank: 0, lane }))
    const before = await scene.claim(worker)

    await scene.store.leave(worker)

    const after = await scene.claim(await scene.join())
    assert.deepEqual(
      [before, after].map((jobs) => jobs.map(({ leader }) => leader)),
      [
        ['high', 'high'],
        ['low', 'low'],
      ],
    )
  })
}
