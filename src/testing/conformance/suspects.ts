import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, retryIn, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function suspects(harness: StoreHarness): void {
  test('the third crash fails a job as WORKER_LOST (celery#1628, #3057)', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    for (let crash = 0; crash < 3; crash++) await scene.crash()

    const job = await scene.get('a')
    assert.deepEqual([job.state, job.crashes, job.error?.code], ['failed', 3, 'WORKER_LOST'])
    assert.match(job.error!.message, /3 times/)
  })

  test('a worker holds at most one suspect at a time', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b', 'c']))
    for (let crash = 0; crash < 2; crash++) {
      await scene.claim(await scene.join())
      await scene.silence()
    }
    const worker = await scene.join()

    const first = await scene.claim(worker)
    const second = await scene.claim(worker)
    await scene.settle(worker, first[0]!, succeeded)
    const third = await scene.claim(worker)

    assert.deepEqual(
      [first, second, third].map((claimed) => claimed.map(({ id }) => id)),
      [['a'], [], ['b']],
    )
  })

  test('suspects of one turn are one, whatever its rooms', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', queue: 'one' }), aJob({ id: 'b', queue: 'two' }))
    const both = [
      { queues: ['one'], jobs: 5, bottomUp: 0 },
      { queues: ['two'], jobs: 5, bottomUp: 0 },
    ]
    for (let crash = 0; crash < 2; crash++) {
      await scene.turn(await scene.join(), { room: both })
      await scene.silence()
    }

    const { claimed } = await scene.turn(await scene.join(), { room: both })

    assert.deepEqual(
      claimed.map(({ id }) => id),
      ['a'],
    )
  })

  test('other jobs are claimed beside a suspect, and count with it against the room', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'poison' }))
    for (let crash = 0; crash < 2; crash++) await scene.crash()
    await scene.insert(...jobs(['a', 'b', 'c']))

    assert.deepEqual(await scene.claimedIds(await scene.join(), { jobs: 3 }), ['poison', 'a', 'b'])
  })

  test('among suspects the higher priority comes first', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'low', rank: 3 }), aJob({ id: 'high', rank: 0 }))
    for (let crash = 0; crash < 2; crash++) {
      await scene.claim(await scene.join())
      await scene.silence()
    }

    assert.deepEqual(await scene.claimedIds(await scene.join()), ['high'])
  })

  test('a suspect stays one over a retry and a give-back', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))
    for (let crash = 0; crash < 2; crash++) {
      await scene.claim(await scene.join())
      await scene.silence()
    }
    const worker = await scene.join()

    const a = await scene.run(worker, retryIn(0))
    const [b] = await scene.claim(worker)
    await scene.giveBack(worker, b!)

    assert.deepEqual([a.id, b!.id], ['a', 'b'])
    assert.deepEqual(await scene.claimedIds(worker), ['b'])
    assert.equal((await scene.get('a')).crashes, 2)
  })

  test('one poison job among its neighbours convicts itself alone (celery#10462)', async (t) => {
    const scene = await setScene(harness, t)
    const ids = Array.from({ length: 30 }, (_, n) => `job-${n}`)
    await scene.insert(...jobs([...ids.slice(0, 15), 'poison', ...ids.slice(15)]))

    for (let life = 0; life < 40; life++) {
      const worker = await scene.join()
      const claimed = await scene.claim(worker, { jobs: 10 })
      if (claimed.some(({ id }) => id === 'poison')) await scene.silence()
      else for (const job of claimed) await scene.settle(worker, job, succeeded)
      await scene.store.leave(worker)
    }

    const found = await scene.find()
    assert.deepEqual(
      found.filter(({ state }) => state !== 'succeeded').map(({ id, state }) => [id, state]),
      [['poison', 'failed']],
    )
  })

  test('a retry by hand forgets the crashes', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))
    for (let crash = 0; crash < 3; crash++) await scene.crash()

    await scene.store.retry(['a'])

    const [job] = await scene.claim(await scene.join())
    assert.equal(job?.crashes, 0)
  })
}
