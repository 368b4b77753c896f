import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, jobs, succeeded } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function inserting(harness: StoreHarness): void {
  test('a job comes back as it was put in', async (t) => {
    const scene = await setScene(harness, t)
    const job = aJob({
      id: 'a',
      input: '{"name":"Zoë 🎈","list":[1,2.5,null]}',
      rank: 1,
      tags: ['blue', 'big'],
      metadata: '{"tenant":"acme"}',
      version: 3,
      redact: ['input.password'],
      unique: { key: 'only', scope: 'active', onConflict: 'keep' },
    })

    await scene.insert(job)

    assert.deepEqual(await scene.get('a'), {
      id: 'a',
      task: 'work',
      queue: 'default',
      rank: 1,
      state: 'ready',
      input: job.input,
      attempt: 0,
      crashes: 0,
      createdAt: scene.env.now(),
      tags: ['blue', 'big'],
      metadata: '{"tenant":"acme"}',
      unique: 'only',
      version: 3,
      redact: ['input.password'],
    })
  })

  test('ids may be UUIDs or any other text', async (t) => {
    const scene = await setScene(harness, t)
    const ids = ['0197a1b2-0000-7000-8000-00000000abcd', '0197A1B2-0000-7000-8000-00000000ABCD', 'order:42/ü', ' ']

    await scene.insert(...jobs(ids))

    const found = await scene.store.get(ids)
    assert.deepEqual(
      found.map((job) => (job as { id: string }).id),
      ids,
    )
  })

  test('the same job twice is one job', async (t) => {
    const scene = await setScene(harness, t)
    const job = aJob({ id: 'a', input: '{"n":1}' })
    await scene.insert(job)

    const outcomes = await scene.insert({ ...job, rank: 0, queue: 'other' })

    assert.deepEqual(outcomes, [{ kind: 'exists' }])
    assert.equal((await scene.find()).length, 1)
    assert.equal((await scene.get('a')).queue, 'default')
  })

  test('the same id with another input is refused', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a', input: '{"n":1}' }))

    const outcomes = await scene.insert(aJob({ id: 'a', input: '{"n":2}' }))

    assert.deepEqual(outcomes, [{ kind: 'refused', reason: 'conflict', other: 'a' }])
    assert.equal((await scene.get('a')).input, '{"n":1}')
  })

  test('the same id with another task is refused', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }))

    const [outcome] = await scene.insert(aJob({ id: 'a', task: 'other' }))

    assert.equal(outcome?.kind, 'refused')
  })

  test('an id that is there with the same input is answered even when its job is final', async (t) => {
    const scene = await setScene(harness, t)
    const job = aJob({ id: 'a' })
    await scene.insert(job)
    await scene.run(await scene.join(), succeeded)

    const outcomes = await scene.insert(job)

    assert.deepEqual(outcomes, [{ kind: 'exists' }])
    assert.equal(await scene.state('a'), 'succeeded')
  })

  test('the same id twice in one call is one job', async (t) => {
    const scene = await setScene(harness, t)

    const outcomes = await scene.insert(...jobs(['a', 'a']))

    assert.deepEqual(outcomes, [{ kind: 'inserted' }, { kind: 'exists' }])
    assert.equal((await scene.find()).length, 1)
  })

  test('a refused call leaves no trace', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'there', input: '1' }))
    const keyed = aJob({ id: 'keyed', unique: { key: 'k', scope: 'active', onConflict: 'keep' } })

    const outcomes = await scene.insert(
      aJob({ id: 'before', queue: 'new' }),
      keyed,
      aJob({ id: 'there', input: '2' }),
      aJob({ id: 'after' }),
    )

    const companion = { kind: 'refused', reason: 'companion' }
    assert.deepEqual(outcomes, [
      companion,
      companion,
      { kind: 'refused', reason: 'conflict', other: 'there' },
      companion,
    ])
    assert.deepEqual(await scene.store.get(['before', 'keyed', 'after']), [undefined, undefined, undefined])
    assert.deepEqual(
      (await scene.store.counts()).map(({ queue }) => queue),
      ['default'],
    )
    assert.deepEqual(await scene.insert(keyed), [{ kind: 'inserted' }])
  })

  test('calls are independent of one another', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'there', input: '1' }))

    const outcomes = await scene.store.insert([
      [aJob({ id: 'first' })],
      [aJob({ id: 'there', input: '2' })],
      [aJob({ id: 'third' })],
    ])

    assert.deepEqual(
      outcomes.map(([outcome]) => outcome?.kind),
      ['inserted', 'refused', 'inserted'],
    )
  })

  test('many inserts at once all arrive', async (t) => {
    const scene = await setScene(harness, t)

    await Promise.all(Array.from({ length: 200 }, (_, n) => scene.insert(aJob({ id: `many-${n}` }))))

    const [counts] = await scene.store.counts()
    assert.equal(counts?.states.ready, 200)
  })

  test('a call of no jobs, and no calls at all, do nothing', async (t) => {
    const scene = await setScene(harness, t)

    assert.deepEqual(await scene.store.insert([[]]), [[]])
    assert.deepEqual(await scene.store.insert([]), [])
  })

  test('what the caller does to its objects afterwards changes nothing', async (t) => {
    const scene = await setScene(harness, t)
    const job = { ...aJob({ id: 'a' }), tags: ['first'] }
    await scene.insert(job)

    job.input = '"changed"'
    job.tags.push('second')

    assert.equal((await scene.get('a')).input, '{}')
    assert.deepEqual((await scene.get('a')).tags, ['first'])
  })

  test('a job with a delay is scheduled until it is due', async (t) => {
    const scene = await setScene(harness, t)

    await scene.insert(aJob({ id: 'a', due: { inMs: 5_000 } }))

    const job = await scene.get('a')
    assert.equal(job.state, 'scheduled')
    assert.equal(job.dueAt, scene.env.now() + 5_000)
  })

  test('a job due in the past is ready at once', async (t) => {
    const scene = await setScene(harness, t)

    await scene.insert(aJob({ id: 'a', due: { at: scene.env.now() - 1 } }), aJob({ id: 'b', due: { inMs: 0 } }))

    assert.deepEqual(await scene.states('a', 'b'), ['ready', 'ready'])
  })
}
