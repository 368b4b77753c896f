import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { currentJob, Fatal, RetryAfter, type BatchItem, type Errand } from '../../src/index.ts'
import { onEach } from './each-engine.ts'
import { started, until } from './worker-support.ts'

interface Page {
  index: string
  n: number
}

type Items = readonly BatchItem<Page>[]
const pages = (count: number, index = 'one'): Page[] => Array.from({ length: count }, (_, n) => ({ index, n }))
const numbers = (items: Items) => items.map(({ input }) => input.n)
/** Longer than any test: only full batches come. */
const long = '1h'

/** Until its signal is aborted; then it throws why. */
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

onEach('jobs are handled together once there are enough, and each has a result of its own', async (open) => {
  const errand = open()
  const batches: number[][] = []
  const index = errand.batchTask('index', { size: 3, wait: long }, (items: Items) => {
    batches.push(numbers(items))
    return items.map(({ input }) => ({ ok: input.n * 2 }))
  })

  const jobs = await index.enqueueMany(pages(7))
  await errand.worker().start()
  const results = await Promise.all(jobs.slice(0, 6).map((job) => job.result()))

  assert.deepEqual(batches.map(String).toSorted(), ['0,1,2', '3,4,5'])
  assert.deepEqual(results, [0, 2, 4, 6, 8, 10])
  assert.equal(await jobs[6]!.state(), 'ready')
})

onEach('a batch that is not full goes when its first job has waited', async (open) => {
  const errand = open()
  const batches: number[][] = []
  const index = errand.batchTask('index', { size: 100, wait: 60 }, (items: Items) => {
    batches.push(numbers(items))
    return items.map(() => ({ ok: null }))
  })

  await errand.worker().start()
  const jobs = await index.enqueueMany(pages(3))
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(batches, [[0, 1, 2]])
})

onEach('a declared batch task is enqueued by one app and handled by another, whose worker knows how', async (open) => {
  const [api, bystander, app] = [open(), open(), open()]
  const options = { input: z.object({ index: z.string(), n: z.number() }), size: 3, wait: long }
  const bystanding = bystander.declareBatch('index', options)
  bystander.task('other', () => {})
  const handled = app.declareBatch('index', options).returns<number>()
  app.handle(handled, (items) => items.map(({ input }) => ({ ok: input.n * 2 })))

  await bystander.worker().start()
  const jobs = await api.declareBatch('index', options).returns<number>().enqueueMany(pages(3))
  await app.worker().start()

  assert.deepEqual(await Promise.all(jobs.map((job) => job.result({ timeout: '30s' }))), [0, 2, 4])
  assert.throws(() => app.handle(handled, () => []), { code: 'HANDLER' })
  assert.equal(bystanding.name, 'index')
})

onEach('only jobs of one key come together', async (open) => {
  const errand = open()
  const batches: string[] = []
  const index = errand.batchTask('index', { size: 2, wait: long, by: (page: Page) => page.index }, (items) => {
    batches.push(items.map(({ input }) => input.index + input.n).join())
    return items.map(() => ({ ok: null }))
  })

  const jobs = await index.enqueueMany(
    pages(2).flatMap(({ n }) => [
      { index: 'a', n },
      { index: 'b', n },
    ]),
  )
  await errand.worker().start()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(batches.toSorted(), ['a0,a1', 'b0,b1'])
})

onEach('an item that fails is tried again by itself', async (open) => {
  const errand = open()
  const batches: number[][] = []
  const index = errand.batchTask('index', { size: 3, wait: 40, retry: { attempts: 2, first: 1 } }, (items: Items) => {
    batches.push(numbers(items))
    return items.map(({ input, job }) => {
      if (input.n === 0) return { ok: 'good' }
      if (input.n === 1) return { error: new Fatal('never') }
      return job.attempt === 1 ? { error: new Error('later') } : { ok: 'late' }
    })
  })

  const [good, never, later] = await index.enqueueMany(pages(3))
  await errand.worker().start()

  assert.deepEqual([await good!.result(), await later!.result()], ['good', 'late'])
  await assert.rejects(never!.result(), { errorCode: 'FATAL' })
  assert.deepEqual(batches, [[0, 1, 2], [2]])
  assert.deepEqual([(await good!.info()).attempt, (await later!.info()).attempt], [1, 2])
})

onEach(
  'what the handler throws fails the attempt of every item, and so does an answer of another length',
  async (open) => {
    const errand = open()
    const index = errand.batchTask(
      'index',
      { size: 2, wait: long, retry: false, by: (page: Page) => page.index },
      (items) => {
        if (items[0]!.input.index === 'throws') throw new RangeError('all')
        return [{ ok: 1 }]
      },
    )

    const [thrown, short] = await Promise.all([
      index.enqueueMany(pages(2, 'throws')),
      index.enqueueMany(pages(2, 'short')),
    ])
    await errand.worker().start()

    for (const job of thrown) await assert.rejects(job.result(), { name: 'RangeError', message: 'all' })
    for (const job of short)
      await assert.rejects(job.result(), { errorCode: 'BATCH_ANSWER', message: /1 answers for 2 items/ })
  },
)

onEach('a batch takes one slot', async (open) => {
  const errand = open()
  const running: number[] = []
  const ends: (() => void)[] = []
  const index = errand.batchTask('index', { size: 5, wait: long }, async (items: Items) => {
    running.push(items.length)
    await new Promise<void>((resolve) => ends.push(resolve))
    return items.map(() => ({ ok: null }))
  })

  const jobs = await index.enqueueMany(pages(15))
  await errand.worker({ concurrency: 2 }).start()
  await until(() => running.length === 2)
  const states = await Promise.all(jobs.map((job) => job.state()))
  for (let batch = 0; batch < 3; batch++) {
    await until(() => ends.length > 0)
    ends.shift()!()
  }
  await Promise.all(jobs.map((job) => job.result()))

  assert.ok(states.filter((state) => state === 'running').length >= 10)
  assert.deepEqual(running, [5, 5, 5])
})

onEach('an item whose input does not fit fails alone, and the others are handled without it', async (open) => {
  const strict = z.object({ index: z.string(), n: z.number().max(1) })
  const [enqueuing, working] = [open(), open()]
  const batches: number[][] = []
  const index = enqueuing.batchTask('index', { size: 3, wait: long }, (items: Items) => items.map(() => ({ ok: 0 })))
  working.batchTask('index', { input: strict, size: 3, wait: long }, (items) => {
    batches.push(numbers(items))
    return items.map(({ input }) => ({ ok: input.n }))
  })

  const [first, second, unfit] = await index.enqueueMany(pages(3))
  await working.worker().start()

  assert.deepEqual([await first!.result(), await second!.result()], [0, 1])
  await assert.rejects(unfit!.result(), { errorCode: 'INVALID_INPUT' })
  assert.deepEqual(batches, [[0, 1]])
})

onEach('cancelling one item of a running batch aborts its signal and no other, and it ends cancelled', async (open) => {
  const errand = open()
  const told: unknown[] = []
  const index = errand.batchTask('index', { size: 3, wait: long }, async (items: Items, { signal }) => {
    await aborted(items[1]!.job.signal).catch((reason: unknown) => told.push((reason as { code: string }).code))
    told.push(items[0]!.job.signal.aborted, items[2]!.job.signal.aborted, signal.aborted)
    return items.map(({ input }) => ({ ok: input.n }))
  })
  const [first, second, third] = await index.enqueueMany(pages(3))
  await errand.worker().start()
  await until(async () => (await second!.state()) === 'running')

  await second!.cancel()

  assert.deepEqual([await first!.result(), await third!.result()], [0, 2])
  await assert.rejects(second!.result(), { code: 'JOB_CANCELLED' })
  assert.deepEqual(told, ['CANCELLED', false, false, false])
})

onEach('an item cancelled before it starts is not among those handled', async (open) => {
  const errand = open()
  const batches: number[][] = []
  const index = errand.batchTask('index', { size: 3, wait: long }, (items: Items) => {
    batches.push(numbers(items))
    return items.map(() => ({ ok: null }))
  })
  const jobs = await index.enqueueMany(pages(4))

  await jobs[1]!.cancel()
  await errand.worker().start()
  await Promise.all([0, 2, 3].map((at) => jobs[at]!.result()))

  assert.deepEqual(batches, [[0, 2, 3]])
})

onEach('the timeout is the batch’s: the attempt of each item has failed, and every signal is aborted', async (open) => {
  const errand = open()
  const reasons: string[] = []
  const index = errand.batchTask(
    'index',
    { size: 2, wait: long, timeout: 40, retry: false },
    async (items: Items, { signal }) => {
      await aborted(signal).catch((reason: unknown) => reasons.push((reason as { code: string }).code))
      reasons.push(...items.map(({ job }) => (job.signal.reason as { code: string }).code))
      return items.map(() => ({ ok: null }))
    },
  )

  const jobs = await index.enqueueMany(pages(2))
  const worker = errand.worker({ concurrency: 1 })
  await worker.start()

  for (const job of jobs) await assert.rejects(job.result(), { errorCode: 'JOB_TIMEOUT' })
  await until(() => reasons.length === 3)
  assert.deepEqual(reasons, ['JOB_TIMEOUT', 'JOB_TIMEOUT', 'JOB_TIMEOUT'])
  // Its slot is free again.
  assert.deepEqual(worker.health(), { healthy: true })
})

onEach('stopping lets a running batch finish, and gives one back that does not', async (open) => {
  const errand = open()
  const ends: (() => void)[] = []
  let runs = 0
  const index = errand.batchTask('index', { size: 2, wait: long }, async (items: Items, { signal }) => {
    if (runs++ === 1) await aborted(signal)
    else await new Promise<void>((resolve) => ends.push(resolve))
    return items.map(({ job }) => ({ ok: job.attempt }))
  })
  const finishing = await index.enqueueMany(pages(2))
  const first = await errand.worker().start()
  await until(() => ends.length === 1)
  const stopped = first.stop()
  ends[0]!()
  await stopped
  const states = await Promise.all(finishing.map((job) => job.state()))

  const given = await index.enqueueMany(pages(2))
  const second = await errand.worker().start()
  await until(() => runs === 2)
  await second.stop({ grace: 0 })
  const givenStates = await Promise.all(given.map((job) => job.state()))
  await errand.worker().start()
  await until(() => ends.length === 2)
  ends[1]!()

  assert.deepEqual(states, ['succeeded', 'succeeded'])
  assert.deepEqual(givenStates, ['ready', 'ready'])
  // Together again, and no attempt was lost.
  assert.deepEqual(await Promise.all(given.map((job) => job.result())), [1, 1])
  assert.equal(runs, 3)
})

onEach('a batch of a worker that has lost its jobs records nothing, and another worker does it anew', async (open) => {
  const errand = open()
  const reasons: string[] = []
  let runs = 0
  const index = errand.batchTask('index', { size: 2, wait: long }, async (items: Items, { signal }) => {
    if (runs++ === 0) await aborted(signal).catch((reason: unknown) => reasons.push((reason as { code: string }).code))
    return items.map(() => ({ ok: runs }))
  })
  const jobs = await index.enqueueMany(pages(2))
  await errand.worker().start()
  await until(() => runs === 1)
  const store = await errand.open()
  const [worker] = await errand.workers()

  await store.leave(worker!.incarnation)

  assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), [2, 2])
  assert.deepEqual(reasons, ['LEASE_LOST'])
})

onEach('RetryAfter from one item delays that one alone', async (open) => {
  const errand = open()
  const index = errand.batchTask('index', { size: 2, wait: 40 }, (items: Items) =>
    items.map(({ input, job }) => (input.n === 0 && job.attempt === 1 ? { error: new RetryAfter('1h') } : { ok: 1 })),
  )
  const [delayed, other] = await index.enqueueMany(pages(2))

  await errand.worker().start()
  await other!.result()

  assert.equal(await delayed!.state(), 'scheduled')
})

test('each job of a batch says its own progress and log, and asks for its own follow-ups', async (t) => {
  const { errand, work } = started(t)
  const log = errand.task('log', ({ of }: { of: number }) => of)
  const index = errand.batchTask('index', { size: 2, wait: long }, async (items: Items) => {
    for (const { input, job } of items) {
      await job.progress(input.n, { of: 2 })
      job.log.info(`page ${input.n}`)
      job.followUp(log, { of: input.n }, { id: `log-${input.n}` })
    }
    return items.map(({ input }) => (input.n === 0 ? { ok: null } : { error: new Fatal('no') }))
  })

  const jobs = await index.enqueueMany(pages(2))
  await work()
  await jobs[0]!.result()
  await assert.rejects(jobs[1]!.result())

  assert.deepEqual(
    (await Promise.all(jobs.map((job) => job.info()))).map(({ progress }) => progress),
    [0, 1].map((done) => ({ done, of: 2 })),
  )
  assert.equal(await log.job('log-0').result(), 0)
  await assert.rejects(log.job('log-1').state(), { code: 'JOB_NOT_FOUND' })
})

test('in the handler of a batch there is no current job, and none of its jobs can wait', async (t) => {
  const { errand, work } = started(t)
  const thrown: unknown[] = []
  const index = errand.batchTask('index', { size: 2, wait: long }, async (items: Items) => {
    for (const act of [() => currentJob(), () => (items[0]!.job as unknown as { sleep: Function }).sleep('x', 1)]) {
      try {
        await act()
      } catch (error) {
        thrown.push((error as { code: string }).code, (error as Error).message)
      }
    }
    return items.map(() => ({ ok: null }))
  })

  const jobs = await index.enqueueMany(pages(2))
  await work()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual([thrown[0], thrown[2]], ['NO_JOB', 'HANDLER'])
  assert.match(String(thrown[1]), /batch of 2/)
})

test('middleware runs for each job of a batch, with its own fields, result and error', async (t) => {
  const { errand, work } = started(t)
  const seen: string[] = []
  const told: Errand<{ who: string }> = errand.use<{ who: string }>({
    run: async (job, next) => {
      try {
        const result = await next({ who: `who ${currentJob().id === job.id}` })
        seen.push(`ok ${String(result)}`)
        return result
      } catch (error) {
        seen.push(`error ${(error as Error).message}`)
        throw error
      }
    },
  })
  const refused = told.use({
    run: async (job, next) => {
      if (job.metadata['refused']) throw new Fatal('refused')
      return next({})
    },
  })
  const index = refused.batchTask(
    'index',
    { size: 3, wait: long },
    (items: readonly BatchItem<Page, { who: string }>[]) =>
      items.map(({ input, job }) => (input.n === 0 ? { ok: job.who } : { error: new Fatal('no') })),
  )

  const good = await index.enqueue({ index: 'a', n: 0 })
  const bad = await index.enqueue({ index: 'a', n: 1 })
  const stopped = await index.enqueue({ index: 'a', n: 2 }, { metadata: { refused: true } })
  await work()

  assert.equal(await good.result(), 'who true')
  await assert.rejects(bad.result(), { message: 'no' })
  await assert.rejects(stopped.result(), { message: 'refused' })
  assert.deepEqual(seen.toSorted(), ['error no', 'error refused', 'ok who true'])
})

test('what happens to each job of a batch is told, and its slot is a zombie’s while the handler goes on', async (t) => {
  const { errand, work } = started(t)
  const events: string[] = []
  for (const name of ['started', 'failed', 'zombie'] as const) errand.on(name, ({ id }) => events.push(`${name} ${id}`))
  const end = Promise.withResolvers<void>()
  const index = errand.batchTask('index', { size: 2, wait: long, timeout: 20, retry: false }, async (items: Items) => {
    await end.promise
    return items.map(() => ({ ok: null }))
  })
  const jobs = await index.enqueueMany(pages(2))
  const worker = await work({ concurrency: 1 })
  await Promise.allSettled(jobs.map((job) => job.result()))
  await until(() => events.length === 6)

  const whileGoingOn = worker.health()
  end.resolve()
  await until(() => worker.health().healthy)

  assert.equal(whileGoingOn.healthy, false)
  assert.deepEqual(
    events.toSorted(),
    ['failed', 'started', 'zombie'].flatMap((name) => jobs.map(({ id }) => `${name} ${id}`)).toSorted(),
  )
  assert.deepEqual(await Promise.all(jobs.map((job) => job.state())), ['failed', 'failed'])
})

test('jobs enqueued as a batch run one by one once their task is none any more', async (t) => {
  const { errand, another } = started(t)
  const single = another()
  const ran: number[] = []
  const index = errand.batchTask('index', { size: 3, wait: long }, (items: Items) => items.map(() => ({ ok: null })))
  single.task('index', async (page: Page) => {
    ran.push(page.n)
    await sleep(1)
  })
  const jobs = await index.enqueueMany(pages(3))

  await single.worker({ concurrency: 1 }).start()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(ran, [0, 1, 2])
})
