import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aJob, anError, failed, jobs, retryIn, succeeded, waitOn } from './builders.ts'
import type { StoreHarness } from './harness.ts'
import { setScene } from './scene.ts'

export function telling(harness: StoreHarness): void {
  test('a listener begins with a snapshot of the jobs it names', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(...jobs(['a', 'b']))

    const listener = await scene.listen(t, { ids: ['b', 'nobody'] })

    assert.deepEqual(await listener.snapshot, [await scene.get('b')])
  })

  test('a listener that names no jobs begins with an empty snapshot', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob())

    assert.deepEqual(await (await scene.listen(t)).snapshot, [])
  })

  test('the life of a job is told in order', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    const listener = await scene.listen(t)

    await scene.insert(aJob({ id: 'a' }))
    await scene.run(worker, retryIn(100))
    await scene.pass(100)
    await scene.run(worker, failed)
    await scene.store.retry(['a'])
    await scene.run(worker, succeeded)
    await scene.store.remove(['a'])

    assert.deepEqual(await listener.kinds(10), [
      'enqueued a',
      'started a',
      'retrying a',
      'ready a',
      'started a',
      'failed a',
      'retried a',
      'started a',
      'succeeded a',
      'removed a',
    ])
  })

  test('an event says how the job stands after it', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a', task: 'mail', queue: 'default', redact: ['input'] }))
    const listener = await scene.listen(t, { ids: ['a'] })

    await scene.run(worker, retryIn(100))

    const [started, retrying] = [await listener.next(), await listener.next()]
    const common = { at: scene.env.now(), id: 'a', task: 'mail', queue: 'default', attempt: 1, redact: ['input'] }
    assert.deepEqual(started, { kind: 'job', event: { ...common, kind: 'started', state: 'running' } })
    assert.deepEqual(retrying, {
      kind: 'job',
      event: { ...common, kind: 'retrying', state: 'scheduled', error: anError },
    })
  })

  test('progress and log lines are told as they come', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join()
    await scene.insert(aJob({ id: 'a' }))
    const [claim] = await scene.claim(worker)
    const listener = await scene.listen(t, { ids: ['a'] })
    const line = { at: 1, level: 'warn', message: 'careful', data: { x: 1 } } as const

    await scene.store.report(worker, [
      { kind: 'progress', claim: claim!, progress: { done: 1, of: 2 } },
      { kind: 'log', claim: claim!, line },
    ])

    const [progress, log] = [await listener.next(), await listener.next()]
    assert.deepEqual(progress?.kind === 'job' && [progress.event.kind, progress.event.progress], [
      'progress',
      { done: 1, of: 2 },
    ])
    assert.deepEqual(log?.kind === 'job' && [log.event.kind, log.event.line], ['log', line])
  })

  test('giving back, cancelling, changing, waiting and rescuing are told', async (t) => {
    const scene = await setScene(harness, t)
    const worker = await scene.join({ leaseMs: 600_000 })
    await scene.insert(aJob({ id: 'other', queue: 'elsewhere' }), aJob({ id: 'a' }))
    const listener = await scene.listen(t, { ids: ['a'] })

    await scene.store.change(['a'], { rank: 1 })
    await scene.giveBack(worker, (await scene.claim(worker))[0]!)
    await scene.crash()
    await scene.run(worker, waitOn('other'))
    await scene.store.cancel(['other'])
    await scene.claim(worker)
    await scene.store.cancel(['a'])

    assert.deepEqual(
      (await listener.kinds(10)).map((told) => told.slice(0, -2)),
      [
        'changed',
        'started',
        'given back',
        'started',
        'rescued',
        'started',
        'blocked',
        'ready',
        'started',
        'cancelling',
      ],
    )
  })

  test('a cascade and its undoing are told', async (t) => {
    const scene = await setScene(harness, t)
    await scene.insert(aJob({ id: 'a' }), aJob({ id: 'b', after: { on: ['a'], otherwise: 'cancel' } }))
    const listener = await scene.listen(t, { ids: ['b'] })

    await scene.run(await scene.join(), failed)
    await scene.upkeep()
    await scene.store.retry(['a'])
    await scene.upkeep()

    assert.deepEqual(await listener.kinds(2), ['cancelled b', 'blocked b'])
  })

  test('a listener hears of its tasks and queues alone', async (t) => {
    const scene = await setScene(harness, t)
    const byTask = await scene.listen(t, { tasks: ['mail'] })
    const byBoth = await scene.listen(t, { tasks: ['mail'], queues: ['slow'] })

    await scene.insert(
      aJob({ id: 'a' }),
      aJob({ id: 'b', task: 'mail' }),
      aJob({ id: 'c', task: 'mail', queue: 'slow' }),
    )

    assert.deepEqual(await byTask.kinds(2), ['enqueued b', 'enqueued c'])
    assert.deepEqual(await byBoth.kinds(1), ['enqueued c'])
  })

  test('the stream ends when its signal is aborted', async (t) => {
    const scene = await setScene(harness, t)
    const listener = await scene.listen(t)
    const next = listener.next()

    listener.stop()

    assert.equal(await next, undefined)
  })

  test('a listener that falls behind is told that it lost some', async (t) => {
    const scene = await setScene(harness, t)
    const listener = await scene.listen(t)

    for (let n = 0; n < 40; n++) {
      await scene.insert(...jobs(Array.from({ length: 500 }, (_, m) => `j${n}/${m}`)))
    }

    const heard: string[] = []
    while (heard.at(-1) !== 'lost' && heard.length < 20_000) heard.push((await listener.next())!.kind)
    assert.equal(heard.at(-1), 'lost')
    await scene.insert(aJob({ id: 'after' }))
    while (true) {
      const event = await listener.next()
      if (event?.kind === 'job' && event.event.id === 'after') break
    }
  })
}
