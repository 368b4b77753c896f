import assert from 'node:assert/strict'
import { Errand, Fatal, RetryAfter } from '../../src/index.ts'
import { onEach } from './each-engine.ts'
import { until } from './worker-support.ts'

/** Lets handlers be counted while they run, and ended one by one. */
class Running {
  now = 0
  most = 0
  readonly started: string[] = []
  readonly #ends: (() => void)[] = []

  async run(name: string): Promise<void> {
    this.started.push(name)
    this.most = Math.max(this.most, ++this.now)
    await new Promise<void>((resolve) => this.#ends.push(resolve))
    this.now--
  }

  async end(count: number): Promise<void> {
    for (let ended = 0; ended < count; ended++) {
      await until(() => this.#ends.length > 0)
      this.#ends.shift()!()
    }
    await until(() => this.now === 0)
  }
}

interface Call {
  tenant: string
  n: number
}

const calls = (tenant: string, count: number): Call[] => Array.from({ length: count }, (_, n) => ({ tenant, n }))

onEach('no more jobs of a key run at once than its limit says, and other keys are not held up', async (open) => {
  const errand = open()
  const running = new Running()
  const call = errand.task('call', { limit: { concurrency: 2, per: ({ tenant }) => tenant } }, ({ tenant }: Call) =>
    running.run(tenant),
  )
  await call.enqueueMany([...calls('big', 6), ...calls('small', 1)])

  await errand.worker().start()
  await until(() => running.started.length === 3)
  const first = running.started.toSorted()
  const worker = (await errand.workers())[0]!
  await running.end(7)

  assert.deepEqual(first, ['big', 'big', 'small'])
  assert.equal(worker.slots, 10)
  assert.ok(running.most <= 3)
})

onEach('in a flood of ten thousand to one the small key starts before all but its share', async (open) => {
  const errand = open()
  const order: string[] = []
  const call = errand.task(
    'call',
    { limit: { concurrency: 2, per: ({ tenant }) => tenant } },
    async ({ tenant }: Call) => {
      order.push(tenant)
    },
  )
  await call.enqueueMany(calls('flood', 10_000))
  const small = await call.enqueueMany(calls('small', 5))

  await errand.worker({ concurrency: 4 }).start()
  await Promise.all(small.map((job) => job.result()))
  const before = order.slice(0, order.lastIndexOf('small')).filter((tenant) => tenant === 'flood').length

  // Each time a place of the small key is free, the flood has had its two at most, and two more are on their way.
  assert.ok(before <= 100, `${before} of the flood started before the last of the small key`)
})

onEach('jobs of a key run one at a time and in the order enqueued, whatever workers there are', async (open) => {
  const define = (errand: Errand) =>
    errand.task(
      'sync',
      { order: ({ tenant }: Call) => tenant, retry: { first: 1 } },
      async ({ tenant, n }: Call, job) => {
        running.set(tenant, (running.get(tenant) ?? 0) + 1)
        assert.equal(running.get(tenant), 1)
        await new Promise((resolve) => setImmediate(resolve))
        running.set(tenant, 0)
        if (n % 3 === 0 && job.attempt === 1) throw new Error('again')
        done.push(`${tenant}${n}`)
      },
    )
  const running = new Map<string, number>()
  const done: string[] = []
  const [one, other] = [open(), open()]
  const sync = define(one)
  define(other)
  const jobs = await sync.enqueueMany(
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) => ['a', 'b'].map((tenant) => ({ tenant, n }))),
  )

  await one.worker({ concurrency: 4 }).start()
  await other.worker({ concurrency: 4 }).start()
  await Promise.all(jobs.map((job) => job.result()))

  for (const tenant of ['a', 'b']) {
    assert.deepEqual(
      done.filter((name) => name.startsWith(tenant)),
      [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `${tenant}${n}`),
    )
  }
})

onEach('a job takes one start of its rate, however often it sleeps and waits for flows', async (open) => {
  const errand = open()
  const child = errand.task('child', (n: number) => n)
  const order = errand.task('order', { limit: { rate: '2/h' } }, async (n: number, job) => {
    await job.sleep('first', 10)
    const got = await job.run('flow', child.with(n))
    await job.sleep('second', 10)
    return got
  })
  const jobs = await order.enqueueMany([1, 2])

  await errand.worker().start()

  assert.deepEqual(await Promise.all(jobs.map((job) => job.result({ timeout: '20s' }))), [1, 2])
})

onEach('a job that fails again and again holds its line no longer than `skipAfter`', async (open) => {
  const errand = open()
  const done: string[] = []
  const define = (name: string, skipAfter: string) =>
    errand.task(
      name,
      { order: { by: () => 'one', skipAfter }, retry: { attempts: 3, first: 40, jitter: 0, backoff: 'fixed' } },
      (n: number) => {
        done.push(`${name}${n}`)
        if (n === 0) throw new Error('no')
      },
    )
  const patient = define('patient', '1h')
  const brief = define('brief', '50ms')
  await patient.enqueueMany([0, 1])
  await brief.enqueueMany([0, 1])

  await errand.worker().start()
  await until(() => done.length === 8)

  assert.deepEqual(
    done.filter((name) => name.startsWith('patient')),
    ['patient0', 'patient0', 'patient0', 'patient1'],
  )
  // The second try fits into its time; the third would not, so the next one goes.
  assert.deepEqual(
    done.filter((name) => name.startsWith('brief')),
    ['brief0', 'brief0', 'brief1', 'brief0'],
  )
})

onEach('a job that sleeps or waits for others holds its line', async (open) => {
  const errand = open()
  const done: string[] = []
  const child = errand.task('child', () => 'child')
  const sync = errand.task('sync', { order: () => 'one' }, async (n: number, job) => {
    if (n === 0) await job.sleep('a while', 30)
    if (n === 1) await job.run('child', child.with())
    done.push(String(n))
  })

  const jobs = await sync.enqueueMany([0, 1, 2])
  await errand.worker().start()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(done, ['0', '1', '2'])
})

onEach('a job cancelled while it holds its line lets the next one go', async (open) => {
  const errand = open()
  const done: number[] = []
  const sync = errand.task('sync', { order: () => 'one', retry: { first: '1h' } }, (n: number) => {
    if (n === 0) throw new Error('no')
    done.push(n)
  })
  const [first, second] = await sync.enqueueMany([0, 1])
  await errand.worker().start()
  await until(async () => (await first!.state()) === 'scheduled')
  const held = await second!.state()

  await first!.cancel()
  await second!.result()

  assert.equal(held, 'ready')
  assert.deepEqual(done, [1])
})

onEach(
  'a rate allows so many starts in its time over all workers, and all of them at once (celery#5732, #2988)',
  async (open) => {
    const errand = open({ queues: { slow: { limit: { rate: '3/h' } } } })
    const started: string[] = []
    const own = errand.task('own', { limit: { rate: '2/h', per: ({ tenant }) => tenant } }, ({ tenant }: Call) => {
      started.push(tenant)
    })
    const inQueue = errand.task('in-queue', { queue: 'slow' }, () => void started.push('slow'))
    await own.enqueueMany([...calls('a', 5), ...calls('b', 1)])
    await inQueue.enqueueMany([undefined, undefined, undefined, undefined])

    const workers = [errand.worker({ burst: true }), errand.worker({ burst: true })]
    await Promise.all(workers.map((worker) => worker.start()))
    await Promise.all(workers.map((worker) => worker.finished))

    assert.deepEqual(started.toSorted(), ['a', 'a', 'b', 'slow', 'slow', 'slow'])
  },
)

onEach('RetryAfter closes the rate of its key, also when no attempt is left', async (open) => {
  const errand = open()
  const started: string[] = []
  const call = errand.task(
    'call',
    { limit: { rate: '100/s', per: ({ tenant }) => tenant }, retry: false },
    ({ tenant, n }: Call) => {
      started.push(`${tenant}${n}`)
      if (tenant === 'a' && n === 0) throw new RetryAfter('1h')
    },
  )
  const [first] = await call.enqueueMany(calls('a', 1))
  const worker = errand.worker({ concurrency: 1 })
  await worker.start()
  await assert.rejects(first!.result(), { errorCode: 'RETRY_AFTER' })

  const others = await call.enqueueMany([...calls('a', 3), ...calls('b', 1)])
  await others[3]!.result()

  assert.deepEqual(started, ['a0', 'b0'])
  assert.equal(await others[0]!.state(), 'ready')
})

onEach('a limit is looked at and changed while workers run, and holds until it is reset', async (open) => {
  const errand = open()
  const running = new Running()
  const call = errand.task('call', { limit: { concurrency: 1, per: ({ tenant }) => tenant } }, ({ tenant }: Call) =>
    running.run(tenant),
  )
  await call.enqueueMany(calls('acme', 5))
  await errand.worker().start()
  await until(() => running.now === 1)
  const [before] = (await errand.limits.list({ prefix: 'call:' })).limits

  await errand.limits.set('call:acme', { concurrency: 3 })
  await until(() => running.now === 3)
  await call.enqueue({ tenant: 'acme', n: 6 })
  const [pinned] = (await errand.limits.list()).limits
  await errand.limits.reset('call:acme')
  await call.enqueue({ tenant: 'acme', n: 7 })
  const [after] = (await errand.limits.list()).limits

  assert.deepEqual(before, { name: 'call:acme', concurrency: 1, taken: 1, waiting: 4, pinned: false })
  assert.deepEqual(pinned, { name: 'call:acme', concurrency: 3, taken: 3, waiting: 3, pinned: true })
  assert.deepEqual([after!.concurrency, after!.pinned], [1, false])
  await running.end(7)
})

onEach('a job that fails for good, is cancelled or whose worker stops gives its place to the next', async (open) => {
  const errand = open()
  const done: number[] = []
  const call = errand.task('call', { limit: { concurrency: 1 } }, async (n: number, job) => {
    if (n === 0) throw new Fatal('no')
    if (n === 1) await new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason)))
    if (n === 2 && job.attempt === 1 && done.length === 0) {
      done.push(-1)
      await new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason)))
    }
    done.push(n)
  })
  const [, second, third, fourth] = await call.enqueueMany([0, 1, 2, 3])
  const worker = await errand.worker().start()
  await until(async () => (await second!.state()) === 'running')

  await second!.cancel()
  await until(() => done.length === 1)
  await worker.stop({ grace: 0 })
  const given = await third!.state()
  await errand.worker().start()
  await fourth!.result()

  assert.equal(given, 'ready')
  assert.deepEqual(done, [-1, 2, 3])
})

interface Keyed {
  key: string
  runs?: string
}

onEach('a job that runs another one of its own key fails at once, and its key goes on', async (open) => {
  const errand = open()
  const sync = errand.declare<Keyed>('sync', { order: ({ key }) => key }).returns<string>()
  errand.handle(sync, async ({ key, runs }, job) =>
    runs === undefined ? key : job.run('other', sync.with({ key: runs })),
  )
  await errand.worker().start()

  const stuck = await sync.enqueue({ key: 'a', runs: 'a' })
  const across = await sync.enqueue({ key: 'a', runs: 'b' })

  await assert.rejects(stuck.result({ timeout: '20s' }), {
    code: 'JOB_FAILED',
    errorCode: 'WOULD_DEADLOCK',
    message: /stands in the line "sync:a".* Nothing was enqueued/,
  })
  assert.equal((await stuck.info()).attempt, 1)
  assert.equal(await across.result({ timeout: '20s' }), 'b')
})
