/** How long a handler waits for a flow of its own, shown on every engine. */
import assert from 'node:assert/strict'
import { chain, FlowTimeoutError, mapEach, type Duration } from '../../src/index.ts'
import { onEach } from './each-engine.ts'
import { until, untilAborted } from './worker-support.ts'

const soon = { timeout: '20s' } as const

onEach('a flow that takes longer than its timeout is cancelled, and the handler goes on without it', async (open) => {
  const errand = open()
  const stuck = errand.task('stuck', (_: number, job) => untilAborted(job.signal))
  const order = errand.task('order', async (_: void, job) => {
    try {
      return await job.run('labels', mapEach(stuck, [1, 2]), { timeout: '50ms' })
    } catch (error) {
      if (!(error instanceof FlowTimeoutError)) throw error
    }
    await job.sleep('afterwards', 10)
    return 'by hand'
  })
  const job = await order.enqueue()

  await errand.worker().start()

  assert.equal(await job.result(soon), 'by hand')
  const { steps } = await errand.workflow(`${job.id}:labels`).graph()
  await Promise.all(
    steps.map(({ id }) =>
      errand
        .workflow(id)
        .result(soon)
        .catch(() => {}),
    ),
  )
  const states = (await errand.workflow(`${job.id}:labels`).graph()).steps.map(({ state }) => state)
  assert.deepEqual(new Set(states), new Set(['cancelled']))
})

onEach('a flow that ends within its timeout gives its result at once', async (open) => {
  const errand = open()
  const child = errand.task('child', (n: number) => n)
  const order = errand.task('order', (_: void, job) => job.run('flow', child.with(7), { timeout: '1h' }))
  const job = await order.enqueue()

  await errand.worker().start()

  assert.equal(await job.result(soon), 7)
})

onEach(
  'a flow that takes too long fails the job of a handler that does not catch it, at its first attempt',
  async (open) => {
    const errand = open()
    const stuck = errand.task('stuck', (_: void, job) => untilAborted(job.signal))
    const order = errand.task('order', { retry: { attempts: 3, first: 10 } }, (_: void, job) =>
      job.run('flow', chain(stuck.with()), { timeout: '50ms' }),
    )
    const job = await order.enqueue()

    await errand.worker().start()

    await assert.rejects(job.result(soon), /took longer than its timeout/)
    assert.equal((await job.info()).attempt, 1)
    assert.equal(await job.retry(), 'retried')
    await assert.rejects(job.result(soon), { errorCode: 'FLOW_TIMEOUT', message: /retry the workflow/ })
  },
)

onEach('retried with its workflow, a job gives a flow that took too long its time anew', async (open) => {
  const errand = open()
  let runs = 0
  const known = errand.task('known', () => runs++)
  const slow = errand.task('slow', (_: void, job) => (runs >= 3 ? 'well' : untilAborted(job.signal)))
  const order = errand.task('order', (_: void, job) =>
    job.run('flow', chain(known.with(), slow.with()), { timeout: '300ms' }),
  )
  const job = await order.enqueue()
  const whole = errand.workflow(job.id)
  await errand.worker().start()
  await assert.rejects(job.result(soon), { errorCode: 'FLOW_TIMEOUT' })
  const retry = () => until(async () => (await whole.retry()) === 'retried')

  await retry()
  await assert.rejects(job.result(soon), { errorCode: 'FLOW_TIMEOUT' })
  runs += 2
  await retry()

  assert.equal(await job.result(soon), 'well')
  assert.equal(runs, 3)
})

onEach('a flow that took too long is left alone where its handler has done without it', async (open) => {
  const errand = open()
  let broken = true
  const stuck = errand.task('stuck', (_: void, job) => untilAborted(job.signal))
  const order = errand.task('order', { retry: false }, async (_: void, job) => {
    const end = await job.run('flow', chain(stuck.with()), { timeout: '50ms' }).catch((error: unknown) => {
      if (error instanceof FlowTimeoutError) return 'by hand'
      throw error
    })
    if (broken) throw new Error('no paper')
    return end
  })
  const job = await order.enqueue()
  await errand.worker().start()
  await assert.rejects(job.result(soon), /no paper/)
  await until(async () => isOver(await errand.workflow(`${job.id}:flow`).state()))
  broken = false

  await errand.workflow(job.id).retry()

  assert.equal(await job.result(soon), 'by hand')
  assert.equal(await errand.workflow(`${job.id}:flow`).state(), 'cancelled')
})

onEach(
  'a handler that has gone on without a flow does so each time, also when somebody retries the flow',
  async (open) => {
    const errand = open()
    const [released, ends] = [Promise.withResolvers<void>(), [] as unknown[]]
    let broken = true
    const slow = errand.task('slow', (_: void, job) => (broken ? untilAborted(job.signal) : 'well'))
    const hold = errand.task('hold', () => released.promise)
    const order = errand.task('order', async (_: void, job) => {
      ends.push(
        await job.run('flow', chain(slow.with()), { timeout: '50ms' }).catch((error: unknown) => {
          if (error instanceof FlowTimeoutError) return 'by hand'
          throw error
        }),
      )
      await job.run('hold', hold.with())
    })
    const job = await order.enqueue()
    const flow = errand.workflow(`${job.id}:flow`)
    await errand.worker().start()
    await until(async () => ends.includes('by hand') && isOver(await flow.state()))
    broken = false

    assert.equal(await flow.retry(), 'retried')
    assert.equal(await flow.result(soon), 'well')
    released.resolve()
    await job.result(soon)

    assert.deepEqual(new Set(ends), new Set(['by hand']))
  },
)

onEach('handlers whose flows take too long again and again let the others run', async (open) => {
  const errand = open()
  let [runs, done] = [0, false]
  const stuck = errand.task('stuck', { queue: 'nobody' }, (n: number) => n)
  const poll = errand.task('poll', async (_: void, job) => {
    runs++
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (let n = 0; n < 1_000 && !done; n++) {
      await job.run(`ask ${n}`, chain(stuck.with(n)), { timeout: 1 }).catch((error: unknown) => {
        if (!(error instanceof FlowTimeoutError)) throw error
      })
    }
  })
  const beside = errand.task('beside', () => {
    done = true
    return runs
  })
  const pollers = await poll.enqueueMany(Array.from({ length: 10 }, () => undefined))
  await errand.worker({ queues: ['default'], concurrency: 1 }).start()
  await until(() => runs > 30)
  const before = runs

  const job = await beside.enqueue()

  const after = await job.result(soon)
  assert.ok(after - before <= 40, `${after - before} runs came before it`)
  for (const each of pollers) await each.result(soon)
})

onEach(
  'a job of an ordered task that waits for a flow lets the next one go where its timeout is beyond `skipAfter`',
  async (open) => {
    const errand = open()
    const done: string[] = []
    const stuck = errand.task('stuck', (_: void, job) => untilAborted(job.signal))
    const sync = errand.task('sync', { order: { by: () => 'one', skipAfter: '1m' } }, async (n: number, job) => {
      if (n === 0) await job.run('flow', chain(stuck.with()), { timeout: '1h' })
      done.push(`sync${n}`)
    })
    const [first, second] = await sync.enqueueMany([0, 1])

    await errand.worker().start()
    await second!.result(soon)

    assert.deepEqual(done, ['sync1'])
    await errand.workflow(first!.id).cancel()
  },
)

const isOver = (state: string) => ['succeeded', 'failed', 'cancelled'].includes(state)
const codeOf = (error: unknown) => (error as { code: string }).code

onEach('a flow that has ended when its handler gets round to its timeout has ended as it did', async (open) => {
  const errand = open()
  const go = Promise.withResolvers<void>()
  let runs = 0
  const child = errand.task('child', { retry: false }, async (n: number) => {
    await go.promise
    if (n < 0) throw new Error('no paper')
    return n
  })
  const order = errand.task('order', async (_: void, job) => {
    if (++runs === 2) {
      go.resolve()
      for (const flow of ['good', 'bad'])
        await until(async () => isOver(await errand.workflow(`${job.id}:${flow}`).state()))
    }
    const flow = (name: string, n: number) => job.run(name, chain(child.with(n)), { timeout: '50ms' })
    const ends = await Promise.all([flow('good', 7), flow('bad', -7).catch(codeOf)])
    await job.sleep('afterwards', 1)
    return ends
  })
  const job = await order.enqueue()

  await errand.worker().start()

  assert.deepEqual(await job.result(soon), [7, 'JOB_FAILED'])
  assert.equal(await errand.workflow(`${job.id}:good`).result(soon), 7)
})

onEach('a flow that was cancelled at its timeout took too long, also where its worker died upon it', async (open) => {
  const errand = open()
  const stuck = errand.task('stuck', (_: void, job) => untilAborted(job.signal))
  let runs = 0
  const order = errand.task('order', async (_: void, job) => {
    const flow = errand.workflow(`${job.id}:flow`)
    if (++runs === 2) {
      await flow.cancel()
      await until(async () => isOver(await flow.state()))
      // Another claim, which finds the end of the flow among what it has waited for.
      return job.sleep('as if it had died', 1)
    }
    return job.run('flow', chain(stuck.with()), { timeout: '50ms' }).catch((error: unknown) => {
      if (error instanceof FlowTimeoutError) return 'too late'
      throw error
    })
  })
  const job = await order.enqueue()

  await errand.worker().start()

  assert.equal(await job.result(soon), 'too late')
})

onEach('a flow that somebody has cancelled before its timeout stays one that was cancelled', async (open) => {
  const errand = open()
  const stuck = errand.task('stuck', (_: void, job) => untilAborted(job.signal))
  const codes: string[] = []
  const order = errand.task('order', async (_: void, job) => {
    await job.run('flow', chain(stuck.with()), { timeout: '1s' }).catch((error: unknown) => {
      if ((error as Error).name === 'Suspended') throw error
      codes.push(codeOf(error))
    })
    await job.sleep('beyond the timeout', '1s')
  })
  const job = await order.enqueue()
  await errand.worker().start()
  const flow = errand.workflow(`${job.id}:flow`)
  await until(() =>
    flow.state().then(
      (state) => state === 'running',
      () => false,
    ),
  )

  await flow.cancel()

  await job.result(soon)
  assert.deepEqual(codes, ['JOB_CANCELLED', 'JOB_CANCELLED'])
})

interface Job {
  timeout?: Duration
}

onEach(
  'a job may run another one of its own key where `skipAfter` lets that go meanwhile, and only there',
  async (open) => {
    const errand = open()
    const sync = errand
      .declare<Job>('sync', { order: { by: () => 'one', skipAfter: '1m' }, retry: false })
      .returns<string>()
    errand.handle(sync, async ({ timeout }, job) =>
      timeout === undefined ? 'inner' : job.run('other', sync.with({}), { timeout }),
    )
    await errand.worker().start()

    const [apart, held] = [await sync.enqueue({ timeout: '1h' }), await sync.enqueue({ timeout: '10s' })]

    assert.equal(await apart.result(soon), 'inner')
    await assert.rejects(held.result(soon), { errorCode: 'WOULD_DEADLOCK' })
  },
)
