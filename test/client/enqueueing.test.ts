import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { systemEnv } from '../../src/env.ts'
import { Errand, PartlyEnqueuedError, UnknownOutcomeError, type DraftJob } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { started } from '../worker/worker-support.ts'

test('what is enqueued is the caller’s own value, checked and not parsed', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', { input: z.object({ n: z.coerce.number().default(7) }) }, () => {})

  const job = await task.enqueue({})

  assert.deepEqual((await job.info()).input, {})
})

test('input that does not fit is refused with the place, and nothing is enqueued', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', { input: z.object({ to: z.object({ name: z.string() }) }) }, () => {})

  await assert.rejects(task.enqueue({ to: { name: 1 as never } }), {
    code: 'INVALID_INPUT',
    message: /^The input of "task" does not fit its schema: to\.name: /,
  })
  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('a job enqueued by name is checked at run time, and an unknown name is explained', async (t) => {
  const { errand } = started(t)
  errand.task('email.send', { input: z.object({ to: z.string() }) }, () => {})

  const job = await errand.enqueue('email.send', { to: 'a' })

  assert.equal(await job.state(), 'ready')
  await assert.rejects(errand.enqueue('email.send', {}), { code: 'INVALID_INPUT' })
  await assert.rejects(errand.enqueue('email.sent', { to: 'a' }), { message: /Did you mean "email.send"\?/ })
})

test('a task name is used once, and can be anything a queue name can', (t) => {
  const { errand } = started(t)
  errand.task('a', () => {})

  assert.throws(() => errand.task('a', () => {}), { code: 'DUPLICATE_TASK' })
  assert.throws(() => errand.task('send mail', () => {}), { code: 'INVALID_OPTION' })
  assert.throws(() => errand.task('b', { retries: 3 } as never, () => {}), {
    message: /Unknown option "retries" in task "b"\. Did you mean "retry"\?/,
  })
})

test('a declared task has one handler', async (t) => {
  const { errand, another, work } = started(t)
  const input = z.object({ n: z.number() })
  const elsewhere = another().declare('half', { input })
  const half = errand.declare('half', { input }).returns<number>()
  errand.handle(half, ({ n }) => n / 2)

  const job = await elsewhere.enqueue({ n: 4 })
  await work()

  assert.equal(await job.result(), 2)
  assert.throws(() => errand.handle(half, () => 1), { code: 'HANDLER' })
})

test('a declaration needs neither a schema nor options', async (t) => {
  const { errand, another, work } = started(t)
  const elsewhere = another().declare<string>('shout')
  const ran: string[] = []
  errand.handle(errand.declare<string>('shout').returns<string>(), (text) => text.toUpperCase())
  errand.handle(errand.declare('sweep'), () => void ran.push('swept'))

  const job = await elsewhere.enqueue('hey')
  await errand.enqueue('sweep')
  await work()

  assert.equal(await job.result(), 'HEY')
  assert.deepEqual(ran, ['swept'])
})

test('queues come from the job, else the task, else the first route that fits, else the default', async (t) => {
  const { Errand } = await import('../../src/index.ts')
  const errand = new Errand({
    store: 'memory:',
    queue: 'rest',
    routes: { 'email.*': 'email', 'email.bulk': 'bulk', '*.slow': 'slow' },
  })
  t.after(() => errand.close())
  const names = ['email.send', 'email.bulk', 'report.slow', 'other']
  const tasks = names.map((name) => errand.task(name, () => {}))
  const own = errand.task('own', { queue: 'mine' }, () => {})

  const queues = await Promise.all(tasks.map(async (task) => (await (await task.enqueue()).info()).queue))

  assert.deepEqual(queues, ['email', 'email', 'slow', 'rest'])
  assert.equal((await (await own.enqueue()).info()).queue, 'mine')
  assert.equal((await (await own.enqueue(undefined, { queue: 'now' })).info()).queue, 'now')
})

test('the same id twice is one job, and with another input it is a conflict', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', (_: { n: number }) => {})

  const first = await task.enqueue({ n: 1 }, { id: 'order-7' })
  const second = await task.enqueue({ n: 1 }, { id: 'order-7' })

  assert.equal(first.id, second.id)
  assert.equal((await errand.jobs()).jobs.length, 1)
  await assert.rejects(task.enqueue({ n: 2 }, { id: 'order-7' }), { code: 'ID_CONFLICT', message: /order-7/ })
})

test('a unique key admits one job at a time, says so, and is free again when the job is final (celery#4171, celery-once#10)', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', { unique: ({ user }) => user }, (_: { user: string }) => {})

  const first = await task.enqueue({ user: 'ann' })
  const second = await task.enqueue({ user: 'ann' })
  const other = await task.enqueue({ user: 'bob' })

  assert.deepEqual([second.id, second.deduplicated, other.deduplicated], [first.id, true, false])
  await work()
  await first.result()
  assert.equal((await task.enqueue({ user: 'ann' })).deduplicated, false)
})

test('a payload over the limit is refused before anything is sent', async (t) => {
  const { Errand } = await import('../../src/index.ts')
  const errand = new Errand({ store: 'memory:', payloadBytes: 100 })
  t.after(() => errand.close())
  const task = errand.task('task', (_: string) => {})

  await task.enqueue('x'.repeat(98))
  await assert.rejects(task.enqueue('x'.repeat(99)), {
    code: 'PAYLOAD_TOO_LARGE',
    message: /101 bytes, more than the 100 allowed/,
  })
  await assert.rejects(task.enqueue('é'.repeat(50)), { code: 'PAYLOAD_TOO_LARGE', message: /102 bytes/ })
})

test('many inputs become many jobs, in order', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', ({ n }: { n: number }) => n)

  const jobs = await task.enqueueMany(Array.from({ length: 2500 }, (_, n) => ({ n })))
  await work()

  assert.deepEqual(await Promise.all([jobs[0]!, jobs[2499]!].map((job) => job.result())), [0, 2499])
  assert.deepEqual(await task.enqueueMany([]), [])
})

test('options that cannot be are refused by name', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', () => {})

  await assert.rejects(task.enqueue(undefined, { delay: 5, at: new Date() }), { code: 'INVALID_OPTION' })
  await assert.rejects(task.enqueue(undefined, { priority: 'now' as never }), {
    message: /'urgent', 'high', 'normal' or 'low', got "now"/,
  })
  await assert.rejects(task.enqueue(undefined, { priorty: 'low' } as never), { message: /Did you mean "priority"\?/ })
  await assert.rejects(task.enqueue(undefined, { at: new Date(Number.NaN) }), { code: 'INVALID_OPTION' })
  await assert.rejects(task.enqueue(undefined, { id: '' }), { code: 'INVALID_OPTION' })

  const unfit: object[] = [
    { queue: '' },
    { queue: 'two words' },
    { tags: 'urgent' },
    { tags: [7] },
    { metadata: 'x' },
    { metadata: [1] },
    { metadata: null },
    { delay: -1 },
    { delay: '5000y' },
    { delay: '99999999w' },
    { at: 1e300 },
    { expires: Number.NaN },
    { unique: { key: 'a', while: 'running' } },
    { unique: { key: 'a', onConflict: 'drop' } },
    { unique: { key: 'a', while: 'active', for: '1m' } },
    { unique: null },
  ]
  for (const options of unfit) {
    await assert.rejects(task.enqueue(undefined, options), { code: 'INVALID_OPTION' }, JSON.stringify(options))
  }
  assert.deepEqual((await errand.jobs()).jobs, [])
})

test('options of tasks that cannot be are refused by name', (t) => {
  const { errand } = started(t)
  const unfit: object[] = [
    { queue: '' },
    { tags: 'a' },
    { redact: 'password' },
    { timeout: 0 },
    { retry: { on: 'NetworkError' } },
    { retry: { except: [/x/] } },
    { delivery: 'twice' },
  ]

  for (const options of unfit) {
    assert.throws(() => errand.task('task', options, () => {}), { code: 'INVALID_OPTION' }, JSON.stringify(options))
  }
  assert.throws(() => errand.worker({ queues: [''] }), { code: /INVALID_OPTION|HANDLER/ })
})

test('a tag given twice is there once, and a moment between two milliseconds is one of them', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', { tags: ['a'] }, () => {})

  const job = await task.enqueue(undefined, { tags: ['b', 'a'], at: Date.now() + 60_000.5 })

  const { tags, dueAt } = await job.info()
  assert.deepEqual(tags, ['a', 'b'])
  assert.equal(Number.isInteger(dueAt?.getTime()), true)
})

test('a job not started in time expires', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => 'ran')

  const job = await task.enqueue(undefined, { expires: 1 })
  await new Promise((resolve) => setTimeout(resolve, 5))
  await work()

  await assert.rejects(job.result(), { code: 'JOB_EXPIRED' })
})

test('middleware sees every job before it is enqueued, may add to it, and may refuse it', async (t) => {
  const { errand } = started(t)
  errand.use({
    async enqueue(jobs, next) {
      if (jobs.some(({ input }) => input === 'bad')) throw new RangeError('not that')
      for (const job of jobs) job.tags.push('seen')
      await next()
    },
  })
  const task = errand.task('task', (_: string) => {})

  const job = await task.enqueue('good', { tags: ['mine'] })

  assert.deepEqual((await job.info()).tags, ['mine', 'seen'])
  await assert.rejects(task.enqueue('bad'), RangeError)
  assert.equal((await errand.jobs()).jobs.length, 1)
})

test('middleware may take away what it adds, and what it leaves is checked', async (t) => {
  const { errand } = started(t)
  let change: (job: DraftJob) => void = () => {}
  errand.use({
    async enqueue(jobs, next) {
      jobs.forEach(change)
      await next()
    },
  })
  const task = errand.task('task', { tags: ['a'] }, () => {})

  change = (job) => {
    job.tags = []
    delete job.metadata['secret']
  }
  const job = await task.enqueue(undefined, { metadata: { secret: 1 } })
  const { tags, metadata } = await job.info()
  assert.deepEqual([tags, metadata], [[], {}])
  change = (draft) => void (draft.priority = 'now' as never)
  await assert.rejects(task.enqueue(), { code: 'INVALID_OPTION' })
  change = (draft) => void (draft.queue = '')
  await assert.rejects(task.enqueue(), { code: 'INVALID_OPTION' })
})

test('a middleware that forgets to go on is told so', async (t) => {
  const { errand } = started(t)
  errand.use({ enqueue: async () => {} })
  const task = errand.task('task', () => {})

  await assert.rejects(task.enqueue(), { code: 'HANDLER', message: /`next`/ })
})

test('making many jobs leaves the event loop its turns, and options for one job are refused', async (t) => {
  const { errand } = started(t)
  const task = errand.task('task', (_: { n: number }) => {})
  let turns = 0
  let ticking = setImmediate(function again() {
    turns++
    ticking = setImmediate(again)
  })
  const circle: { n: number; self?: unknown } = { n: 1 }
  circle.self = circle

  // Everything is checked before anything is sent, so that this is the making of jobs alone.
  const before = process.cpuUsage()
  await assert.rejects(task.enqueueMany([...Array.from({ length: 200_000 }, (_, n) => ({ n })), circle]), {
    code: 'NOT_STORABLE',
  })
  clearImmediate(ticking)
  const { user, system } = process.cpuUsage(before)

  // By the processor's time and not the clock's, which goes on while others have the machine.
  assert.ok(turns * 50_000 > user + system, `${turns} turns in ${user + system} µs of work`)
  assert.deepEqual((await errand.jobs()).jobs, [])
  await assert.rejects(task.enqueueMany([{ n: 1 }], { id: 'x' } as never), { code: 'INVALID_OPTION' })
})

test('several who make many jobs at once share the turns of the event loop', async (t) => {
  // A clock on which each job takes a tenth of a millisecond, and nothing else any time.
  let at = 0
  const env = { ...systemEnv(), monotonic: () => at }
  const errand = new Errand({ store: new MemoryStore({ env }), env })
  t.after(() => errand.close())
  const validate = (value: unknown) => {
    at += 0.1
    return { value }
  }
  const task = errand.task('task', { input: { '~standard': { version: 1, vendor: 'test', validate } } }, () => {})
  const held: number[] = []
  let turnedAt = at
  let ticking = setImmediate(function again() {
    held.push(at - turnedAt)
    turnedAt = at
    ticking = setImmediate(again)
  })

  await Promise.all(Array.from({ length: 8 }, () => task.enqueueMany(Array(640).fill({}))))
  clearImmediate(ticking)

  // Each begins at once.
  const [, ...later] = held
  assert.ok(later.length > 20 && Math.max(...later) < 20, `${later.length} turns, of ${Math.max(...later)} ms at most`)
})

test('a batch that may have gone in half-way says that it is not known', async (t) => {
  const { errand, store } = started(t)
  const insert = store.insert.bind(store)
  let calls = 0
  store.insert = (jobs) =>
    calls++ === 0 ? insert(jobs) : Promise.reject(new UnknownOutcomeError('insert', [], undefined))
  const task = errand.task('task', (_: number) => {})

  const failure = await task.enqueueMany(Array.from({ length: 1500 }, (_, n) => n)).catch((error: unknown) => error)

  assert.ok(failure instanceof PartlyEnqueuedError)
  assert.deepEqual([failure.ids.length, failure.outcome], [1000, 'unknown'])
})

test('as many single enqueues as fill a call are on their way before the next is made', async (t) => {
  const { errand, store } = started(t)
  await errand.open()
  const insert = store.insert.bind(store)
  const sizes: number[] = []
  store.insert = (calls) => {
    sizes.push(calls.length)
    return insert(calls)
  }
  const task = errand.task('task', (_: number) => {})

  const making = Array.from({ length: 2_500 }, (_, n) => task.enqueue(n))
  const atOnce = [...sizes]
  const handles = await Promise.all(making)

  assert.deepEqual(
    [atOnce, sizes],
    [
      [1000, 1000],
      [1000, 1000, 500],
    ],
  )
  assert.equal(new Set(handles.map(({ id }) => id)).size, 2_500)
})

test('making an app opens nothing and keeps no process alive', async () => {
  const { Errand } = await import('../../src/index.ts')
  const errand = new Errand({ store: 'sqlite:/nowhere/at/all.db' })

  errand.task('task', () => {})
  await errand.close()

  await assert.rejects(errand.jobs(), { code: 'STORE_CLOSED' })
  assert.throws(() => new Errand({ stor: 'memory:' } as never), { message: /Did you mean "store"\?/ })
})
