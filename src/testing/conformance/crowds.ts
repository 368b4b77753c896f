/** Many jobs in one call, which engines write together: each must fare as if it were alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedJob, NewJob } from '../../store/store.ts'
import { aJob, aSettlement, failed, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const crowd = (scene: Scene, count: number, fields: (n: number) => Partial<NewJob> = () => ({})): NewJob[] =>
  Array.from({ length: count }, (_, n) => aJob({ id: scene.env.id(), input: `${n}`, ...fields(n) }))

const claimAll = (scene: Scene, worker: string, jobs: number): Promise<ClaimedJob[]> => scene.claim(worker, { jobs })

/** As the worker does, the very claims that were handed out. */
const settleAll = (scene: Scene, worker: string, claims: readonly ClaimedJob[]) =>
  scene.turn(worker, {
    settled: claims.map((job) => aSettlement(job, { kind: 'succeeded', result: `"${job.input}"` })),
    room: [],
  })

const inputsOf = (jobs: readonly { readonly input: string }[]) => jobs.map(({ input }) => Number(input))
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

export function crowds(harness: StoreHarness): void {
  test('calls that come together are claimed in their order, whatever each is like', async (t) => {
    const scene = await setScene(harness, t)
    const all = crowd(scene, 60, (n) => ({
      ...(n === 20 && { id: 'a name of its own' }),
      ...(n === 35 && { unique: { key: 'k', scope: 'active', onConflict: 'keep' } }),
      ...(n > 40 && { metadata: `{"n":${n}}` }),
      task: n % 25 === 0 ? 'other' : 'task',
    }))

    const outcomes = await scene.store.insert(all.map((job) => [job]))
    const claimed = await claimAll(scene, await scene.join(), 60)

    assert.deepEqual(new Set(outcomes.flat().map(({ kind }) => kind)), new Set(['inserted']))
    assert.deepEqual(
      claimed.map(({ id, task, input, metadata }) => ({ id, task, input, metadata })),
      all.map(({ id, task, input, metadata }) => ({ id, task, input, metadata })),
    )
  })

  test('an id that was there before spoils only its own call', async (t) => {
    const scene = await setScene(harness, t)
    const all = crowd(scene, 50)
    await scene.insert(all[7]!, all[30]!)

    const outcomes = await scene.store.insert([
      ...all.slice(0, 20).map((job) => [job]),
      [all[20]!, { ...all[30]!, input: '"another"' }],
      ...all.slice(21).map((job) => [job]),
    ])

    const kinds = outcomes.map((answers) => answers.map(({ kind }) => kind).join())
    assert.deepEqual(kinds.slice(6, 9), ['inserted', 'exists', 'inserted'])
    assert.deepEqual([kinds[20], kinds[30]], ['refused,refused', 'exists'])
    assert.equal(kinds.filter((kind) => kind === 'inserted').length, 47)
    assert.equal((await scene.store.counts())[0]!.states.ready, 49)
  })

  test('of a large call with an id that has another input nothing is added', async (t) => {
    const scene = await setScene(harness, t)
    const all = crowd(scene, 40)
    await scene.insert(all[33]!)

    const outcomes = await scene.insert(...all.map((job, n) => (n === 33 ? { ...job, input: '"another"' } : job)))

    assert.deepEqual(
      outcomes.map((outcome) => 'reason' in outcome && outcome.reason),
      upTo(40).map((n) => (n === 33 ? 'conflict' : 'companion')),
    )
    assert.equal((await scene.store.counts())[0]!.states.ready, 1)
  })

  test('what ends together ends each with its own result', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...crowd(scene, 37))
    const claimed = await claimAll(scene, worker, 37)

    const { stale } = await settleAll(scene, worker, claimed)

    const records = await scene.store.get(claimed.map(({ id }) => id))
    assert.deepEqual(stale, [])
    assert.deepEqual(
      records.map((job) => typeof job === 'object' && [job.state, job.result, job.attempt]),
      upTo(37).map((n) => ['succeeded', `"${n}"`, 1]),
    )
    assert.equal((await scene.store.counts())[0]!.states.succeeded, 37)
  })

  test('what has not ended goes on running while its neighbours end', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...crowd(scene, 50))
    const claimed = await claimAll(scene, worker, 50)
    const ending = claimed.filter((_, n) => n % 7 !== 3)

    const { stale } = await settleAll(scene, worker, ending.toReversed())

    const states = await scene.states(...claimed.map(({ id }) => id))
    assert.deepEqual(stale, [])
    assert.deepEqual(
      states,
      upTo(50).map((n) => (n % 7 === 3 ? 'running' : 'succeeded')),
    )
  })

  test('a settlement sent twice in a crowd counts once, and ends nobody else', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...crowd(scene, 12))
    const claimed = await claimAll(scene, worker, 12)

    const { stale } = await settleAll(scene, worker, [...claimed.slice(0, 5), claimed[4]!, ...claimed.slice(6)])

    assert.deepEqual(
      stale.map(({ id }) => id),
      [claimed[4]!.id],
    )
    assert.equal(await scene.state(claimed[5]!.id), 'running')
  })

  test('a cancel asked for within a crowd that ends holds for that job alone', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...crowd(scene, 20))
    const claimed = await claimAll(scene, worker, 20)
    await scene.store.cancel([claimed[9]!.id])

    const { stale } = await settleAll(scene, worker, claimed)

    const states = await scene.states(...claimed.map(({ id }) => id))
    assert.deepEqual(stale, [])
    assert.deepEqual(
      states,
      upTo(20).map((n) => (n === 9 ? 'cancelled' : 'succeeded')),
    )
  })

  test('one that fails among a crowd fails alone', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...crowd(scene, 30))
    const claimed = await claimAll(scene, worker, 30)

    await scene.turn(worker, {
      settled: claimed.map((job, n) => aSettlement(job, n === 11 ? failed : succeeded)),
      room: [],
    })

    const states = await scene.states(...claimed.map(({ id }) => id))
    assert.deepEqual(
      states,
      upTo(30).map((n) => (n === 11 ? 'failed' : 'succeeded')),
    )
  })

  test('crowds of two workers are told apart', async (t) => {
    const scene = await setScene(harness, t)
    const [one, other] = [await scene.join(), await scene.join()]
    await scene.insert(...crowd(scene, 30))
    const first = await claimAll(scene, one, 10)
    const theirs = await claimAll(scene, other, 10)
    const last = await claimAll(scene, one, 10)

    const { stale } = await settleAll(scene, one, [...first, ...theirs, ...last])

    assert.deepEqual(inputsOf(theirs), upTo(20).slice(10))
    assert.equal(stale.length, 10)
    assert.deepEqual(new Set(await scene.states(...theirs.map(({ id }) => id))), new Set(['running']))
    assert.equal((await scene.store.counts())[0]!.states.succeeded, 20)
  })
}
