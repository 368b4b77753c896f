import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ManualEnv } from '../manual-env.ts'
import { aJob, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { Scene, setScene } from './scene.ts'

const never = new AbortController().signal

export function sharing(harness: StoreHarness): void {
  test('an engine says truly whether it is shared', async (t) => {
    const scene = await setScene(harness, t)

    assert.equal(scene.store.capabilities.shared, harness.again !== undefined)
  })

  if (!harness.again) return

  test('what one handle inserts another claims and settles', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    await here.insert(aJob({ id: 'a' }))

    await there.run(await there.join(), succeeded)

    assert.equal(await here.state('a'), 'succeeded')
  })

  test('two handles never claim the same job', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    await here.insert(...jobs(Array.from({ length: 40 }, (_, n) => `j${n}`)))
    const [one, two] = [await here.join(), await there.join()]
    const claimed: string[] = []

    for (let round = 0; round < 10; round++) {
      claimed.push(...(await here.claimedIds(one, { jobs: 2 })), ...(await there.claimedIds(two, { jobs: 2 })))
    }

    assert.equal(new Set(claimed).size, 40)
    assert.equal(claimed.length, 40)
  })

  test('a worker of one handle is rescued through another', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    await here.insert(aJob({ id: 'a' }))
    const silent = await here.join()
    await here.claim(silent)
    await there.upkeep()

    await there.silence()

    assert.equal(await here.state('a'), 'ready')
    assert.equal(await here.store.resync(silent), 'gone')
  })

  test('cancel requests and messages reach workers of another handle', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    await here.insert(aJob({ id: 'a' }))
    const worker = await there.join()
    await there.claim(worker)

    await here.store.cancel(['a'])
    await here.store.send(worker, { kind: 'quiet' })

    const { cancels, messages } = await there.turn(worker)
    assert.deepEqual([cancels.map(({ id }) => id), messages], [['a'], [{ kind: 'quiet' }]])
  })

  test('an insert through one handle wakes a worker of another', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    const worker = await there.join({ leaseMs: 600_000 })
    await there.turn(worker, { park: true })
    const woken = there.store.wait(worker, ['default'], 600_000, never)

    await here.insert(aJob())

    assert.equal(await until(there, woken), 'work')
  })

  test('a group that begins through one handle wakes a worker of another, that it may hear when it is time', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    const worker = await there.join({ leaseMs: 600_000 })
    await there.turn(worker, { park: true })
    const woken = there.store.wait(worker, ['default'], 600_000, never)

    await here.insert(aJob({ lane: { name: 'batch', slots: 1, gather: { size: 9, waitMs: 600_000 } } }))

    assert.equal(await until(there, woken), 'work')
  })

  test('a job settled through one handle is heard of by another', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    await here.insert(aJob({ id: 'a' }))
    const waiter = here.store.settled(['a'], 600_000, never)

    await there.run(await there.join(), succeeded)

    assert.deepEqual(await until(here, waiter), [{ id: 'a', state: 'succeeded', result: '{"done":true}' }])
  })

  test('events of one handle are told to listeners of another', async (t) => {
    const [here, there] = await setTwoScenes(harness, t)
    const listener = await there.listen(t)

    await here.insert(aJob({ id: 'a' }))

    assert.deepEqual(await until(there, listener.kinds(1)), ['enqueued a'])
  })

  test('what was acknowledged is there after closing and opening again', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(...jobs(['a', 'b']))
    await scene.run(worker, succeeded)
    await scene.store.close()

    const store = await harness.again!(scene.store, scene.env)
    t.after(() => store.close())

    const again = new Scene(store, scene.env)
    assert.deepEqual(await again.states('a', 'b'), ['succeeded', 'ready'])
    assert.deepEqual(await again.claimedIds(worker), ['b'])
  })

  test('after another boot old leases mean nothing, and are extended', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    await scene.claim(await scene.join())
    await scene.upkeep()
    await scene.store.close()

    const env = new ManualEnv({ bootId: 'boot-2', startAt: scene.env.now() + 5_000, firstId: 1_000 })
    const store = await harness.again!(scene.store, env)
    t.after(() => store.close())
    const again = new Scene(store, env)

    assert.equal((await store.upkeep()).extended, true)
    assert.equal(await again.state('a'), 'running')
    await again.silence()
    assert.equal(await again.state('a'), 'ready')
  })
}

/** Two handles on the same data, in the same time. */
async function setTwoScenes(harness: StoreHarness, t: TestContext): Promise<[Scene, Scene]> {
  const here = await setScene(harness, t)
  const there = new Scene(await harness.again!(here.store, here.env), here.env)
  t.after(() => there.store.close())
  return [here, there]
}

/** Moves time on a little at a time until something has happened that another handle must first notice. */
async function until<T>(scene: Scene, promise: Promise<T>): Promise<T> {
  let over = false
  const end = () => (over = true)
  promise.then(end, end)
  for (let round = 0; round < 2_000 && !over; round++) {
    await scene.env.advance(5)
  }
  return promise
}
