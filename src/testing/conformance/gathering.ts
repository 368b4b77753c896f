import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedJob, Gather, NewJob } from '../../store/store.ts'
import { aJob, aSettlement, failed, jobs, retryIn, succeeded } from './builders.ts'
import { setCrossing } from './crossing.ts'
import type { StoreHarness } from './harness.ts'
import { setScene, type Scene } from './scene.ts'

const lane = (size: number, waitMs = 1_000, more: Partial<Gather> & { ordered?: true } = {}) => ({
  lane: { name: 'batch', slots: 1, gather: { size, waitMs }, ...more },
})
const ids = (claimed: readonly ClaimedJob[]) => claimed.map(({ id }) => id)
const oneJob = { jobs: 1 }

/** What is claimed, group by group. */
function groups(claimed: readonly ClaimedJob[]): string[][] {
  const byLeader = Object.groupBy(claimed, ({ leader }) => leader ?? 'none')
  return Object.values(byLeader).map((group) => ids(group!))
}

/** A scene with a worker, and these jobs in the lane. */
async function withJobs(harness: StoreHarness, t: Parameters<typeof setScene>[1], ...some: NewJob[]) {
  const scene = await setScene(harness, t)
  const worker = await scene.join()
  await scene.insert(...some)
  return { scene, worker, claim: (room = oneJob) => scene.claim(worker, room) }
}

async function settleAll(scene: Scene, worker: string, claimed: readonly ClaimedJob[], outcome = succeeded) {
  const settled = claimed.map(({ id, claim }) => aSettlement({ id, claim }, outcome))
  return scene.turn(worker, { settled, room: [] })
}

export function gathering(harness: StoreHarness): void {
  test('nobody is handed out before there are enough or the first has waited long enough', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(3)))

    assert.deepEqual(await claim(), [])
    assert.deepEqual(await scene.states('a', 'b'), ['ready', 'ready'])
    await scene.env.advance(999)
    assert.deepEqual(await claim(), [])
    await scene.env.advance(1)

    assert.deepEqual(groups(await claim()), [['a', 'b']])
  })

  test('enough of them are handed out at once, led by the first', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c', 'd'], lane(3)))

    const claimed = await claim()

    assert.deepEqual(groups(claimed), [['a', 'b', 'c']])
    assert.deepEqual(
      claimed.map(({ leader }) => leader),
      ['a', 'a', 'a'],
    )
    assert.deepEqual(await scene.states('a', 'b', 'c', 'd'), ['running', 'running', 'running', 'ready'])
  })

  test('a job that waited for another one gathers once that has ended', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, aJob({ id: 'first' }))
    await scene.insert(...jobs(['a', 'b'], { ...lane(2), after: { on: ['first'], otherwise: 'run' } }))
    await scene.insert(
      aJob({
        id: 'alone',
        ...lane(3),
        lane: { ...lane(3).lane, name: 'other' },
        after: { on: ['first'], otherwise: 'run' },
      }),
    )

    await scene.run(worker, succeeded)

    assert.deepEqual(groups(await claim({ jobs: 10 })), [['a', 'b']])
    assert.equal(await scene.state('alone'), 'ready')
  })

  test('a group counts as one job of the room', async (t) => {
    const { claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c', 'd', 'e'], lane(2)), aJob({ id: 'plain' }))

    const claimed = await claim({ jobs: 2 })

    assert.deepEqual(groups(claimed), [
      ['a', 'b'],
      ['c', 'd'],
    ])
    assert.deepEqual(ids(await claim({ jobs: 2 })), ['plain'])
  })

  test('those that come while a leader waits to be claimed go along with it', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))

    await scene.insert(aJob({ id: 'urgent', rank: 0, ...lane(2) }), aJob({ id: 'c', ...lane(2) }))

    assert.deepEqual(groups(await claim({ jobs: 9 })), [
      ['a', 'urgent'],
      ['b', 'c'],
    ])
  })

  test('what is left goes when its own time is over', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c'], lane(2)))
    await scene.env.advance(500)
    await scene.insert(aJob({ id: 'd', queue: 'other', ...lane(2) }))
    assert.deepEqual(ids(await claim({ jobs: 9 })), ['a', 'b'])

    assert.deepEqual(await claim(), [])
    await scene.env.advance(500)

    assert.deepEqual(ids(await claim()), ['c'])
  })

  test('a turn says when the next group will be ripe', async (t) => {
    const { scene, worker } = await withJobs(harness, t, aJob(lane(3, 700)))
    await scene.env.advance(200)

    const { nextDueMs } = await scene.turn(worker)

    assert.equal(nextDueMs, 500)
  })

  test('the first job of a group wakes who sleeps, that he may hear when it will be time', async (t) => {
    const { scene, worker } = await withJobs(harness, t)
    await scene.turn(worker, { park: true })
    const woken = scene.store.wait(worker, ['default'], 60_000, new AbortController().signal)

    await scene.insert(aJob(lane(3)))

    assert.equal(await woken, 'work')
  })

  test('a group that begins between the last turn and falling asleep wakes too', async (t) => {
    const { scene, worker } = await withJobs(harness, t)
    await scene.turn(worker, { park: true })

    await scene.insert(aJob(lane(3)))

    assert.equal(await scene.store.wait(worker, ['default'], 60_000, new AbortController().signal), 'work')
  })

  test('each job of a group is a job of its own', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c', 'd'], lane(4)))
    const [a, b, c, d] = await claim()

    await scene.settle(worker, a!, succeeded)
    await scene.settle(worker, b!, failed)
    await scene.settle(worker, c!, retryIn(5_000))
    await scene.store.cancel(['d'])
    await scene.settle(worker, d!, succeeded)

    assert.deepEqual(await scene.states('a', 'b', 'c', 'd'), ['succeeded', 'failed', 'scheduled', 'cancelled'])
  })

  test('a retry comes into the lane again at its end, and its time begins anew', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))
    await settleAll(scene, worker, await claim(), retryIn(500))
    await scene.insert(aJob({ id: 'c', ...lane(3) }))
    await scene.pass(500)
    assert.deepEqual(groups(await claim()), [['c', 'a', 'b']])
  })

  test('jobs given back come to the front, and are ripe at once', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c'], lane(2)))
    const claimed = await claim()
    const back = claimed.map(({ id, claim: number }) => ({ claim: { id, claim: number } }))

    await scene.turn(worker, { givenBack: back, room: [] })

    assert.deepEqual(groups(await claim({ jobs: 9 })), [['a', 'b']])
  })

  test('jobs of a worker that died are handed out again together', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c'], lane(3, 60_000)))
    assert.equal((await claim()).length, 3)
    await scene.silence()

    const claimed = await scene.claim(await scene.join(), oneJob)

    assert.deepEqual(groups(claimed), [['a', 'b', 'c']])
  })

  test('a suspect is handed out alone', async (t) => {
    const { scene } = await withJobs(harness, t, ...jobs(['a', 'b', 'c'], lane(3, 60_000)))
    for (let crash = 0; crash < 2; crash++) {
      assert.equal((await scene.claim(await scene.join(), oneJob)).length, 3)
      await scene.silence()
    }

    assert.deepEqual(groups(await scene.claim(await scene.join(), { jobs: 9 })), [['a']])
    assert.deepEqual(groups(await scene.claim(await scene.join(), { jobs: 9 })), [['b']])
  })

  for (const [how, act] of Object.entries<(scene: Scene) => Promise<unknown>>({
    cancelled: ({ store }) => store.cancel(['a']),
    removed: ({ store }) => store.remove(['a']),
    'put off': ({ store }) => store.change(['a'], { due: { inMs: 60_000 } }),
    'taken away': ({ store }) => store.moving.take({ jobs: 1, bytes: 1 << 20 }),
  })) {
    test(`when the leader is ${how}, the lane looks anew whether it is time`, async (t) => {
      const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))

      await act(scene)
      assert.deepEqual(await claim(), [])
      await scene.insert(aJob({ id: 'c', ...lane(2) }))

      assert.deepEqual(groups(await claim()), [['b', 'c']])
    })
  }

  test('parked members can be cancelled, removed, put off and expire', async (t) => {
    const { scene, claim } = await withJobs(
      harness,
      t,
      ...jobs(['a', 'b', 'c', 'd', 'e'], lane(6)),
      aJob({ id: 'f', expires: { inMs: 500 }, ...lane(6) }),
      ...jobs(['g', 'h'], lane(6)),
    )
    await scene.store.cancel(['b'])
    await scene.store.remove(['c'])
    await scene.store.change(['d'], { due: { inMs: 60_000 } })
    await scene.env.advance(500)

    assert.deepEqual(groups(await claim()), [['a', 'e', 'g', 'h']])
    assert.equal(await scene.state('f'), 'expired')
  })

  test('within the lane the more urgent go first; in an ordered one those that came first', async (t) => {
    for (const more of [{}, { ordered: true as const }]) {
      const of = (id: string, rank: 0 | 1 | 2 | 3) => aJob({ id, rank, ...lane(9, 1_000, more) })
      const { scene, claim } = await withJobs(harness, t, of('a', 3), of('b', 2), of('c', 0))
      await scene.env.advance(1_000)

      assert.deepEqual(ids(await claim()), 'ordered' in more ? ['a', 'b', 'c'] : ['c', 'b', 'a'])
    }
  })

  test('jobs of different queues are never handed out together', async (t) => {
    const { scene, worker, claim } = await withJobs(
      harness,
      t,
      ...jobs(['a', 'b'], lane(2)),
      ...jobs(['x', 'y'], { queue: 'other', ...lane(2) }),
    )
    await scene.store.pause('other', true)

    assert.deepEqual(groups(await claim({ jobs: 9 })), [['a', 'b']])
    await scene.store.pause('other', false)
    assert.deepEqual(groups(await scene.claim(worker, { queues: ['other'], jobs: 1 })), [['x', 'y']])
  })

  test('a group takes one token of its rate', async (t) => {
    const rate = { name: 'rate', tokens: 1, perMs: 10_000 }
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b', 'c', 'd'], { rate, ...lane(2) }))

    assert.deepEqual(groups(await claim({ jobs: 9 })), [['a', 'b']])
    assert.deepEqual(await claim(), [])
    await scene.env.advance(10_000)

    assert.deepEqual(groups(await claim({ jobs: 9 })), [['c', 'd']])
  })

  test('the size and the time that were given last hold', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(9, 60_000)))
    assert.deepEqual(await claim(), [])

    await scene.insert(aJob({ id: 'c', ...lane(3, 60_000) }))

    assert.deepEqual(groups(await claim()), [['a', 'b', 'c']])
  })

  test('what a worker holds is told with its leader when it asks', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))
    const claimed = await claim()
    await scene.settle(worker, claimed[0]!, succeeded)
    await scene.store.remove(['a'])

    const held = await scene.store.resync(worker)

    assert.deepEqual(held !== 'gone' && held.held.map(({ id, leader }) => [id, leader]), [['b', 'a']])
  })

  test('keeping a slot means nothing where jobs are gathered', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(1)))
    const [a] = await claim()

    await scene.settle(worker, a!, retryIn(500), { keepsSlot: true })

    assert.deepEqual(ids(await claim()), ['b'])
  })

  test('a job whose time is changed to now goes on counting', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(3)))
    await scene.env.advance(500)

    await scene.store.change(['a'], { due: { inMs: 0 } })
    await scene.env.advance(500)

    assert.deepEqual(ids(await claim()), ['b', 'a'])
  })

  test('a lane that gathers is listed by what waits in it, while there is any', async (t) => {
    const { scene, worker, claim } = await withJobs(
      harness,
      t,
      ...jobs(['a', 'b', 'c'], lane(2)),
      aJob({ queue: 'other', ...lane(2) }),
    )

    assert.deepEqual(await scene.store.listLimits({}), [{ name: 'batch', waiting: 4, pinned: false }])
    await settleAll(scene, worker, await claim())
    assert.deepEqual(await scene.store.listLimits({}), [{ name: 'batch', waiting: 2, pinned: false }])
    const left = (await scene.find({ states: ['ready'] })).map(({ id }) => id)
    await scene.store.remove(left)
    assert.deepEqual(await scene.store.listLimits({}), [])
  })

  test('a lane that gathers is forgotten once all of it has ended, whatever its worker asked for meanwhile', async (t) => {
    const { scene, worker, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))

    const claimed = await claim()
    await scene.turn(worker, { room: [] })
    await scene.turn(worker, { settled: claimed.map((job) => aSettlement(job, succeeded)), room: [] })

    assert.deepEqual(await scene.store.listLimits({}), [])
  })

  test('a lane with slots and one that gathers do not meet', async (t) => {
    const { scene, claim } = await withJobs(harness, t, ...jobs(['a', 'b'], lane(2)))

    await scene.insert(...jobs(['x', 'y'], { lane: { name: 'batch', slots: 1 } }))

    assert.deepEqual(ids(await claim({ jobs: 9 })), ['a', 'b', 'x'])
  })

  test('what stands parked is gathered in the store it is moved to', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, to } = crossing
    await from.insert(...jobs(['a', 'b', 'c'], lane(4, 60_000)))

    await crossing.carry()
    await to.insert(aJob({ id: 'd', ...lane(4, 60_000) }))

    assert.deepEqual(groups(await to.claim(await to.join(), oneJob)), [['a', 'b', 'c', 'd']])
  })

  test('what stays after all is gathered again', async (t) => {
    const crossing = await setCrossing(harness, t)
    const { from, source } = crossing
    await from.insert(...jobs(['a', 'b', 'c'], lane(3, 60_000)))
    const taken = await crossing.take()

    await source.stay(taken)

    assert.deepEqual(ids(await from.claim(await from.join(), { jobs: 9 })).toSorted(), ['a', 'b', 'c'])
  })
}
