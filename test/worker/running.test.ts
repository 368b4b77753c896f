import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { z } from 'zod'
import { Cancelled, Errand, Fatal, RetryAfter, currentJob, type Events, type FollowUpInput } from '../../src/index.ts'
import { started, until } from './worker-support.ts'

test('a job runs with its parsed input and its result comes back', async (t) => {
  const { errand, work } = started(t)
  const double = errand.task(
    'double',
    { input: z.object({ n: z.coerce.number(), by: z.number().default(2) }) },
    ({ n, by }) => n * by,
  )

  const job = await double.enqueue({ n: '21' })
  await work()

  assert.equal(await job.result(), 42)
  assert.deepEqual((await job.info()).input, { n: '21' })
})

test('a job that throws is tried again until its attempts are used up, and keeps each error (rq#1624)', async (t) => {
  const { errand, work } = started(t)
  const attempts: number[] = []
  const fail = errand.task('fail', { retry: { attempts: 3, first: 1 } }, (_: void, job) => {
    attempts.push(job.attempt)
    throw new RangeError(`attempt ${job.attempt}`)
  })

  const job = await fail.enqueue()
  await work()

  await assert.rejects(job.result(), { code: 'JOB_FAILED', name: 'RangeError', message: 'attempt 3' })
  assert.deepEqual(attempts, [1, 2, 3])
  assert.deepEqual(
    (await job.attempts()).map(({ error }) => error.message),
    ['attempt 1', 'attempt 2', 'attempt 3'],
  )
})

test('Fatal fails a job at once, RetryAfter tries it again, Cancelled ends it cancelled', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('throws', ({ what }: { what: string }, job) => {
    if (what === 'fatal') throw new Fatal('never again')
    if (what === 'cancelled') throw new Cancelled()
    if (job.attempt === 1) throw new RetryAfter(1)
    return job.attempt
  })

  const [fatal, cancelled, later] = await task.enqueueMany([
    { what: 'fatal' },
    { what: 'cancelled' },
    { what: 'later' },
  ])
  await work()

  await assert.rejects(fatal!.result(), { name: 'Fatal', errorCode: 'FATAL' })
  await assert.rejects(cancelled!.result(), { code: 'JOB_CANCELLED' })
  assert.equal(await later!.result(), 2)
})

test('a follow-up exists if and only if the attempt succeeds', async (t) => {
  const { errand, work } = started(t)
  const log = errand.task('log', ({ of }: { of: string }) => of)
  const task = errand.task('task', { retry: false }, ({ ok }: { ok: boolean }, job) => {
    job.followUp(log, { of: job.id }, { id: `log-${ok}` })
    if (!ok) throw new Error('no')
  })

  const [good, bad] = await task.enqueueMany([{ ok: true }, { ok: false }])
  await work()
  await good!.result()
  await assert.rejects(bad!.result())

  assert.equal(await log.job('log-true').result(), good!.id)
  await assert.rejects(log.job('log-false').state(), { code: 'JOB_NOT_FOUND' })
})

test('a follow-up whose input does not fit fails the attempt', async (t) => {
  const { errand, work } = started(t)
  const log = errand.task('log', { input: z.object({ of: z.string() }) }, () => {})
  const task = errand.task('task', (_: void, job) => job.followUp(log, { of: 1 as never }))

  const job = await task.enqueue()
  await work()

  await assert.rejects(job.result(), { errorCode: 'INVALID_INPUT' })
})

test('onFailed and onSucceeded tasks are told how a job ended', async (t) => {
  const { errand, work } = started(t)
  const told = new Map<string, unknown>()
  const tell = errand.task('tell', ({ state, result, error }: FollowUpInput) => {
    told.set(state, result ?? error?.message)
  })
  const task = errand.task('task', { onSucceeded: tell, onFailed: tell, retry: false }, ({ ok }: { ok: boolean }) => {
    if (!ok) throw new Error('no')
    return 'yes'
  })

  const plain = errand.task('plain', () => {
    throw new Fatal('plainly')
  })

  await task.enqueueMany([{ ok: true }, { ok: false }])
  await work()
  await until(() => told.size === 2)

  assert.deepEqual([told.get('succeeded'), told.get('failed')], ['yes', 'no'])
  await plain.enqueue(undefined, { onFailed: 'tell' })
  await until(() => told.get('failed') === 'plainly')
})

test('an attempt longer than its timeout has failed, and its signal is aborted with the reason', async (t) => {
  const { errand, work } = started(t)
  const reasons: unknown[] = []
  const slow = errand.task('slow', { timeout: 30, retry: false }, async (_: void, job) => {
    await sleep(60_000, undefined, { signal: job.signal }).catch(() => reasons.push(job.signal.reason))
  })

  const job = await slow.enqueue()
  await work()

  await assert.rejects(job.result(), { errorCode: 'JOB_TIMEOUT' })
  await until(() => reasons.length === 1)
  assert.equal((reasons[0] as { code: string }).code, 'JOB_TIMEOUT')
})

test('runs that hang one after the other on one worker each end by their timeout', async (t) => {
  const { errand, work } = started(t)
  const hangs = errand.task('hangs', { timeout: 20, retry: false }, (_: void, job) =>
    sleep(60_000, undefined, { signal: job.signal }),
  )
  await work({ concurrency: 1 })

  for (let run = 0; run < 3; run++) {
    const job = await hangs.enqueue()
    await assert.rejects(job.result(), { errorCode: 'JOB_TIMEOUT' })
  }
})

test('a handler that ignores its timeout keeps its slot, its late word is refused, and the worker says it is unhealthy (celery#4185)', async (t) => {
  const { errand, work } = started(t)
  const release = Promise.withResolvers<string>()
  const zombies: Events['zombie'][] = []
  errand.on('zombie', (event) => zombies.push(event))
  const deaf = errand.task('deaf', { timeout: 20, retry: false }, () => release.promise)

  const job = await deaf.enqueue()
  const next = await deaf.enqueue()
  const worker = await work({ concurrency: 1 })
  await assert.rejects(job.result(), { name: 'JobTimeoutError' })

  assert.equal(zombies.length, 1)
  assert.equal(worker.health().healthy, false)
  assert.notEqual(await next.state(), 'failed')
  release.resolve('late')
  assert.equal(await next.result(), 'late')
  assert.equal(await job.state(), 'failed')
})

test('progress and log lines are there before the result is', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', async (_: void, job) => {
    for (let done = 1; done <= 100; done++) await job.progress(done, { of: 100, note: 'copying', data: { done } })
    job.log('half way')
    job.log.warn('odd', { file: 'a' })
  })

  const job = await task.enqueue()
  await work()
  await job.result()

  assert.deepEqual(await job.progress(), { done: 100, of: 100, note: 'copying', data: { done: 100 } })
  assert.deepEqual(
    (await job.log()).map(({ level, message, data }) => [level, message, data]),
    [
      ['info', 'half way', undefined],
      ['warn', 'odd', { file: 'a' }],
    ],
  )
})

test('a run that logs without end keeps its first thousand lines and says that there were more', async (t) => {
  const { errand, work } = started(t)
  const chatty = errand.task('chatty', (_: void, job) => {
    for (let line = 0; line < 5000; line++) job.log(`line ${line}`)
  })

  const job = await chatty.enqueue()
  await work()
  await job.result()

  const log = await job.log()
  assert.equal(log.length, 1001)
  assert.match(log.at(-1)!.message, /More than 1000 lines/)
})

test('what a task redacts is masked wherever it is read, and in its errors and logs, but not for the handler', async (t) => {
  const { errand, work } = started(t)
  const login = errand.task(
    'login',
    { redact: ['password'], retry: false },
    ({ password }: { password: string }, job) => {
      job.log(`trying ${password}`, { password })
      throw new Error(`wrong: ${password}`)
    },
  )

  const job = await login.enqueue({ password: 'hunter22' })
  await work()
  await assert.rejects(job.result(), { message: 'wrong: [redacted]' })

  const everything = JSON.stringify([await job.info(), await job.log(), await job.attempts(), await errand.jobs()])
  assert.doesNotMatch(everything, /hunter22/)
  assert.deepEqual((await job.info({ reveal: true })).input, { password: 'hunter22' })
})

test('a handler knows its job, and so does whatever it calls', async (t) => {
  const { errand, work } = started(t)
  const deep = async () => (await Promise.resolve(), currentJob().id)
  const task = errand.task('task', async (_: void, job) => [
    await deep(),
    job.id,
    job.task,
    job.queue,
    job.attempt,
    job.metadata,
  ])

  const job = await task.enqueue(undefined, { metadata: { trace: 't1' } })
  await work()

  assert.deepEqual(await job.result(), [job.id, job.id, 'task', 'default', 1, { trace: 't1' }])
  assert.throws(() => currentJob(), { code: 'NO_JOB' })
})

test('stored input that no longer fits fails at once; an older version is upgraded before', async (t) => {
  const { errand, work } = started(t)
  const store = await errand.open()
  errand.task(
    'versioned',
    { input: z.object({ name: z.string() }), version: 2, upgrade: (old) => ({ name: (old as { n: string }).n }) },
    ({ name }) => name,
  )
  const base = { task: 'versioned', queue: 'default', rank: 2, keepSucceededMs: 60_000, keepFailedMs: 60_000 } as const
  await store.insert([
    [
      { ...base, id: 'old', input: '{"n":"Ann"}', version: 1 },
      { ...base, id: 'bad', input: '{"n":"Ann"}', version: 2 },
    ],
  ])

  await work()

  assert.equal(await errand.job('old').result(), 'Ann')
  await assert.rejects(errand.job('bad').result(), { name: 'InvalidInputError' })
  assert.equal((await errand.job('bad').info()).attempt, 1)
})

test('a result that cannot be stored, or does not fit the output schema, fails the job without another attempt', async (t) => {
  const { errand, work } = started(t)
  const odd = errand.task('odd', () => ({ count: 10n }) as never)
  const unfit = errand.task('unfit', { input: z.object({}), output: z.object({ n: z.number() }) }, () => ({
    n: 'x' as never,
  }))

  const jobs = [await odd.enqueue(), await unfit.enqueue({})]
  await work()

  await assert.rejects(jobs[0]!.result(), { name: 'NotStorableError' })
  await assert.rejects(jobs[1]!.result(), { name: 'InvalidResultError' })
})

test('a handler that meets an unfit input elsewhere is tried again like for any other error', async (t) => {
  const { errand, work } = started(t)
  const strict = errand.task('strict', { input: z.object({ n: z.number() }) }, () => {})
  const outer = errand.task('outer', { retry: { attempts: 2, first: 1 } }, async (_: void, job) => {
    await strict.enqueue({ n: job.attempt === 1 ? ('x' as never) : 1 })
    return job.attempt
  })

  const job = await outer.enqueue()
  await work()

  assert.equal(await job.result(), 2)
})

test('a handler may not await a job that needs the slots it shares', async (t) => {
  const { errand, work } = started(t)
  const inner = errand.task('inner', () => 1)
  const other = errand.task('other', { queue: 'other' }, () => 2)
  const outer = errand.task('outer', { retry: false }, async ({ same }: { same: boolean }) =>
    (await (same ? inner : other).enqueue()).result(),
  )

  const [stuck, fine] = await outer.enqueueMany([{ same: true }, { same: false }])
  await work({ queues: { default: 2, other: 1 } })

  await assert.rejects(stuck!.result(), { name: 'WouldDeadlockError' })
  assert.equal(await fine!.result(), 2)
})

test('a task that keeps no result gives null, and listeners see it all the same', async (t) => {
  const { errand, work } = started(t)
  const seen: unknown[] = []
  const quiet = errand.task('quiet', { keepResult: false }, ({ n }: { n: number }) => n * 2)
  quiet.on('succeeded', (result, input) => void seen.push([result, input]))

  const job = await quiet.enqueue({ n: 4 })
  await work()

  assert.equal(await job.result(), null)
  assert.deepEqual(seen, [[8, { n: 4 }]])
})

test('what a handler logs while other lines are being written is there before its result is, too', async (t) => {
  const { errand, store, work } = started(t)
  const writing = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const report = store.report.bind(store)
  store.report = async (...said) => {
    writing.resolve()
    await ended.promise
    return report(...said)
  }
  const first = errand.task('first', (_: void, job) => job.log('first'))
  const second = errand.task('second', async (_: void, job) => {
    await writing.promise
    job.log('second')
    setImmediate(() => setImmediate(ended.resolve))
  })

  const jobs = [await first.enqueue(), await second.enqueue()]
  await work()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(
    (await jobs[1]!.log()).map(({ message }) => message),
    ['second'],
  )
})

test('an attempt whose timeout passes while its worker stops has failed, and is not given back while it runs', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const deaf = errand.task('deaf', { timeout: 60, retry: false }, () => (begun.resolve(), finish.promise))

  const job = await deaf.enqueue()
  const worker = await work()
  await begun.promise
  await worker.stop({ grace: 1 })

  await assert.rejects(job.result(), { name: 'JobTimeoutError' })
  finish.resolve()
})

test('a handler that heeds its timeout is no zombie', async (t) => {
  const { errand, work } = started(t)
  const zombies: Events['zombie'][] = []
  errand.on('zombie', (event) => zombies.push(event))
  const heeding = errand.task('heeding', { timeout: 10, retry: false }, (_: void, job) =>
    sleep(60_000, undefined, { signal: job.signal }),
  )
  const next = errand.task('next', () => {})

  const job = await heeding.enqueue()
  const worker = await work({ concurrency: 1 })
  await assert.rejects(job.result(), { name: 'JobTimeoutError' })
  await (await next.enqueue()).result()

  assert.deepEqual(zombies, [])
  assert.equal(worker.health().healthy, true)
})

test('redacted values are masked in every form and place where a handler or its errors may show them', async (t) => {
  const { errand, work } = started(t)
  const told: unknown[] = []
  errand.on('failed', (event) => told.push(event, String(event.error), (event.error as Error).stack))
  errand.on('retrying', (event) => told.push(event, String(event.error), (event.error as Error).stack))
  const secret = 'a "quoted" secret'
  const login = errand.task(
    'login',
    { redact: ['password', 'pin', 'token'], retry: { attempts: 2, first: 1 } },
    async ({ password, pin }: { password: string; pin: number }, job) => {
      job.log(`as JSON ${JSON.stringify(password)}, in a URL ?p=${encodeURIComponent(password)}`)
      job.log('as data', { seen: [password], pin, [password]: pin, other: 41 })
      await job.progress(1, { note: password, data: { password, deep: { pin } } })
      const cause = new Error(`caused by ${password} and ${job.metadata['token'] as string}`)
      throw new Error(`wrong: ${password} ${pin}`, { cause })
    },
  )

  const job = await login.enqueue({ password: secret, pin: 987654 }, { metadata: { token: 'metadata-token' } })
  await work()
  const failure: unknown = await job.result().catch((error: unknown) => [error, (error as Error).stack])

  const read = [await job.info(), await job.log(), await job.attempts(), await errand.jobs(), failure, told]
  assert.doesNotMatch(inspect(read, { depth: 10 }), /quoted|987654|metadata-token/)
  assert.equal(told.length, 6)
  assert.deepEqual((await job.log())[1]!.data, {
    seen: ['[redacted]'],
    pin: '[redacted]',
    '[redacted]': '[redacted]',
    other: 41,
  })
})

test('logging an error, or what cannot be kept, fails no job', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', (_: void, job) => {
    job.log.error('caught', new RangeError('too far'))
    job.log('odd', { count: 10n })
    void job.progress(Number.NaN)
    return 'ran'
  })

  const job = await task.enqueue()
  await work()

  assert.equal(await job.result(), 'ran')
  const [caught, odd] = await job.log()
  const { name, message } = caught!.data as Error
  assert.deepEqual([name, message], ['RangeError', 'too far'])
  assert.match((odd!.data as { dropped: string }).dropped, /Cannot store the log data\.count: it is a bigint/)
})

test('errors of any size and shape are kept within bounds, and are tried again like others', async (t) => {
  const { errand, work } = started(t)
  const round = new Error('round')
  round.cause = round
  const thrown: unknown[] = [
    round,
    new Error('x'.repeat(1_000_000)),
    { reason: 'plain' },
    Object.create(null),
    undefined,
  ]
  const task = errand.task('task', { retry: { attempts: 2, first: 1 } }, (n: number) => {
    throw thrown[n]
  })

  const jobs = await task.enqueueMany(thrown.map((_, n) => n))
  await work()
  const ends = await Promise.all(jobs.map((job) => job.result().catch((error: Error) => error.message)))

  assert.deepEqual([ends[0], String(ends[1]).length, ends[2], ends[3]], ['round', 20_000, '{"reason":"plain"}', '{}'])
  assert.deepEqual(await Promise.all(jobs.map(async (job) => (await job.attempts()).length)), [2, 2, 2, 2, 2])
})

test('what a handler returns is awaited if it can be, promise or not', async (t) => {
  const { errand, work } = started(t)
  // oxlint-disable-next-line unicorn/no-thenable -- query builders are like this
  const query = { rows: new Map(), then: (take: (rows: number[]) => void) => take([1, 2]) }
  const task = errand.task('task', () => query as unknown as Promise<number[]>)

  const job = await task.enqueue()
  await work()

  assert.deepEqual(await job.result(), [1, 2])
})

test('a handler that returns after its job was cancelled is not told as succeeded', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const told: string[] = []
  errand.on('succeeded', () => told.push('succeeded'))
  errand.on('cancelled', () => told.push('cancelled'))
  const task = errand.task('task', async (_: void, job) => {
    begun.resolve()
    await sleep(60_000, undefined, { signal: job.signal }).catch(() => {})
  })

  const job = await task.enqueue()
  await work()
  await begun.promise
  await job.cancel()
  await until(() => told.length > 0)

  assert.deepEqual(told, ['cancelled'])
})

test('a follow-up passes through the middleware like any job', async (t) => {
  const { errand, work } = started(t)
  errand.use({
    async enqueue(jobs, next) {
      for (const job of jobs) job.metadata['tenant'] = 'acme'
      await next()
    },
  })
  const next = errand.task('next', (_: void, job) => job.metadata)
  const task = errand.task('task', (_: void, job) => job.followUp(next, undefined, { id: 'next-1' }))

  await (await task.enqueue()).result({ timeout: 1 }).catch(() => {})
  await work()

  await until(async () => (await errand.jobs({ task: 'next' })).jobs.length === 1)
  assert.deepEqual(await next.job('next-1').result(), { tenant: 'acme' })
})

test('middleware adds fields to a job, and none that it has of its own', async (t) => {
  const { errand, work } = started(t)
  let fields: object = { user: 'Ann' }
  const wide = errand.use<{ user: string }>({ run: (_job, next) => next(fields as { user: string }) })
  const task = wide.task('task', { retry: false }, (_: void, job) => job.user)

  const [good, bad] = [await task.enqueue(), await task.enqueue(undefined, { queue: 'later' })]
  await work({ queues: 'default' })
  assert.equal(await good.result(), 'Ann')
  fields = { input: 'mine' }
  await work({ queues: 'later' })

  await assert.rejects(bad.result(), { errorCode: 'INVALID_OPTION', message: /got "input"/ })
})

for (const kind of ['memory', 'sqlite']) {
  test(`a follow-up is made as its task says, and hides what the task before it hides (${kind})`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-follow-'))
    const errand = new Errand({ store: kind === 'memory' ? 'memory:' : `sqlite:${folder}/errand.db` })
    t.after(async () => {
      await errand.close()
      rmSync(folder, { recursive: true })
    })
    const tell = errand.task(
      'tell',
      { version: 2, tags: ['told'], upgrade: () => assert.fail('it is not old') },
      ({ input }: FollowUpInput, job) => {
        job.log(`it was ${(input as { password: string }).password}`)
        return 'told'
      },
    )
    const task = errand.task('task', { redact: ['password'], onSucceeded: tell }, (_: { password: string }) => {})

    const first = await task.enqueue({ password: 'hunter22' })
    await errand.worker().start()
    await first.result()
    const [told] = (await errand.jobs({ tag: 'told' })).jobs
    const job = errand.job(told!.id)

    assert.equal(await job.result(), 'told')
    assert.doesNotMatch(inspect([await job.info(), await job.log()], { depth: 10 }), /hunter22/)
  })
}
