/** What a Redis store keeps of jobs that have left it, and for how long. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { aJob, jobs } from '../../src/testing/conformance/builders.ts'
import { Scene } from '../../src/testing/conformance/scene.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { findRedis } from '../servers.ts'
import { redisHarness } from './redis-harness.ts'

const day = 24 * 3_600_000
const room = { jobs: 100, bytes: 1 << 20 }
const program = await findRedis()

if (program !== undefined) {
  const harness = await redisHarness(program)
  after(() => harness.cleanup?.())

  async function aScene(): Promise<Scene> {
    const env = new ManualEnv()
    const scene = new Scene(await harness.open(env), env)
    after(() => scene.store.close())
    return scene
  }

  async function leave({ store }: Scene): Promise<void> {
    for (let cursor: string | undefined; ;) {
      const page = await store.moving!.take(room, cursor)
      await store.moving!.drop(page.jobs)
      cursor = page.cursor
      if (cursor === undefined) return
    }
  }

  test('an id that has left is free again after a week, and not before', async () => {
    const scene = await aScene()
    await scene.insert(aJob({ id: 'a' }))
    await leave(scene)

    await scene.env.advance(6 * day)
    await scene.upkeep()
    assert.deepEqual(await scene.insert(aJob({ id: 'a', task: 'other' })), [{ kind: 'exists' }])
    await scene.env.advance(day)
    await scene.upkeep()

    assert.deepEqual(await scene.store.get(['a']), [undefined])
    assert.deepEqual(await scene.insert(aJob({ id: 'a' })), [{ kind: 'inserted' }])
    assert.deepEqual(await scene.claimedIds(await scene.join()), ['a'])
  })

  test('a job that comes back is found where it was first inserted, and hides no other', async () => {
    const scene = await aScene()
    await scene.insert(...jobs(['a', 'b', 'c']))
    const { jobs: taken } = await scene.store.moving!.take({ jobs: 2, bytes: 1 << 20 })
    await scene.store.moving!.drop(taken)
    await scene.insert(aJob({ id: 'd' }))

    await scene.store.moving!.place([{ ...taken[0]!, ticket: 'another' }])

    assert.deepEqual(
      (await scene.find()).map(({ id }) => id),
      ['d', 'c', 'a'],
    )
    assert.deepEqual(await scene.claimedIds(await scene.join()), ['c', 'd', 'a'])
  })

  test('many jobs leave in pages, whatever stands between them', async () => {
    const scene = await aScene()
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'first' }))
    const [first] = await scene.claim(worker, { jobs: 1 })
    const ids = Array.from({ length: 300 }, (_, index) => `j${String(index).padStart(3, '0')}`)
    await scene.insert(...jobs(ids))
    await scene.store.cancel(['j000', 'j007', 'j150'])
    await scene.giveBack(worker, first!)
    const order: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await scene.store.moving!.take(room, cursor)
      order.push(...page.jobs.map(({ id }) => id))
      cursor = page.cursor
      if (cursor === undefined) break
    }

    const ready = ids.filter((id) => !['j000', 'j007', 'j150'].includes(id))
    assert.deepEqual(order, ['first', ...ready, 'j000', 'j007', 'j150'])
    assert.deepEqual(await scene.claimedIds(worker), [])
  })
}
