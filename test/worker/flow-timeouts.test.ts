/** How long a handler waits for a flow of its own, shown on every engine. */
import assert from 'node:assert/strict'
import { chain, FlowTimeoutError, mapEach } from '../../src/index.ts'
import { onEach } from './each-engine.ts'
import { untilAborted } from './worker-support.ts'

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
  },
)

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
