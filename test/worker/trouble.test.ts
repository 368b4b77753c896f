/** Replies that get lost, workers that go silent, stores that are away. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Errand, type Events, type Store } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { UnknownOutcomeError } from '../../src/errors.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { until, untilAborted } from './worker-support.ts'

type Fault = 'none' | 'before' | 'after'

/** A store whose calls of some methods fail as `faultOf` says: with nothing done, or with everything done and no answer. */
type Method = 'turn' | 'insert' | 'resync' | 'leave'

function unreliable(store: Store, methods: Method | Method[], faultOf: (call: number, method: Method) => Fault): Store {
  let calls = 0

  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (typeof value !== 'function') return value
      if (!methods.includes(name as Method)) return value.bind(target)

      return async (...args: unknown[]) => {
        const fault = faultOf(calls++, name as Method)
        if (fault === 'before') throw new UnknownOutcomeError(name as Method, [], new Error('never arrived'))
        const answer: unknown = await value.apply(target, args)
        if (fault === 'after') throw new UnknownOutcomeError(name as Method, [], new Error('the answer was lost'))
        return answer
      }
    },
  })
}

function app(t: TestContext, store: Store): Errand {
  const errand = new Errand({ store })
  t.after(() => errand.close())

  return errand
}

test('turns whose answers are lost strand no job and run none twice', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  const faults: Fault[] = ['none', 'after', 'none', 'before', 'none', 'none', 'after', 'after', 'none', 'none']
  const errand = app(
    t,
    unreliable(store, 'turn', (call) => faults[call % faults.length]!),
  )
  const runs = new Map<string, number>()
  const task = errand.task('task', async (_: number, job) => {
    runs.set(job.id, (runs.get(job.id) ?? 0) + 1)
    await sleep(Math.random() * 3)
  })

  const jobs = await task.enqueueMany(Array.from({ length: 200 }, (_, n) => n))
  await errand.worker().start()
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual([runs.size, Math.max(...runs.values())], [200, 1])
})

test('an enqueue whose answer is lost is repeated with the same id and is one job', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  const errand = app(
    t,
    unreliable(store, 'insert', (call) => (call % 2 === 0 ? 'after' : 'none')),
  )
  const task = errand.task('task', () => {})

  const job = await task.enqueue()

  assert.deepEqual(
    (await errand.jobs()).jobs.map(({ id }) => id),
    [job.id],
  )
})

test('a worker that went silent loses its jobs to another, is told so, and begins a new life', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  let away = false
  const silent = app(
    t,
    unreliable(store, 'turn', () => (away ? 'before' : 'none')),
  )
  const steady = app(t, store)
  const begun = Promise.withResolvers<AbortSignal>()
  const goOn = Promise.withResolvers<void>()
  const gone: Events['worker gone'][] = []
  silent.on('worker gone', (event) => gone.push(event))
  silent.task('task', async (_: void, job) => {
    begun.resolve(job.signal)
    await goOn.promise
    return 'late'
  })
  const task = steady.task('task', () => 'rescued')

  await silent.worker({ lease: '1s' }).start()
  const job = await task.enqueue()
  const signal = await begun.promise
  away = true
  await steady.worker({ lease: '1s' }).start()

  assert.equal(await job.result(), 'rescued')
  assert.equal(signal.aborted, true)
  assert.equal((signal.reason as { code: string }).code, 'LEASE_LOST')
  assert.equal((await job.info()).crashes, 1)
  away = false
  goOn.resolve()
  await until(() => gone.length === 1)
  assert.equal(await job.result(), 'rescued')
})

test('a handler that ends when its store is silent has its job run again, which is told and counts no attempt', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  let away = false
  const errand = app(
    t,
    unreliable(store, 'turn', () => (away ? 'before' : 'none')),
  )
  const begun = Promise.withResolvers<void>()
  const given: Events['given back'][] = []
  errand.on('given back', (event) => given.push(event))
  let runs = 0
  const task = errand.task('task', async (_: void, job) => {
    if (++runs > 1) return job.attempt
    begun.resolve()
    return untilAborted(job.signal)
  })
  await errand.worker({ lease: '1s' }).start()
  const job = await task.enqueue()
  await begun.promise

  away = true
  await until(() => given.length === 1)
  away = false

  assert.equal(await job.result(), 1)
  assert.deepEqual([runs, given[0]!.why], [2, 'lost'])
})

test('a worker whose store is away for a while goes on by itself, and says meanwhile that it is unhealthy', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  let away = false
  const errand = app(
    t,
    unreliable(store, 'turn', () => (away ? 'before' : 'none')),
  )
  const task = errand.task('task', () => 'ran')
  const worker = await errand.worker({ lease: '1s' }).start()

  away = true
  const job = await task.enqueue()
  await until(() => !worker.health().healthy)
  away = false

  assert.equal(await job.result(), 'ran')
  await until(() => worker.health().healthy)
})

test('a turn that failed is cleared up before the next one, also when asking what is held failed too', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const faults: Method[] = []
  const errand = app(
    t,
    unreliable(store, ['turn', 'resync'], (_, method) => {
      if (faults[0] !== method) return 'none'
      faults.shift()
      return 'before'
    }),
  )
  const task = errand.task('task', async () => {
    begun.resolve()
    await finish.promise
    faults.push('turn', 'resync')
    return 'ran'
  })

  const job = await task.enqueue()
  await errand.worker().start()
  await begun.promise
  finish.resolve()

  assert.equal(await job.result({ timeout: '5s' }), 'ran')
  assert.deepEqual(faults, [])
})

test('a cancel whose telling got lost is told again', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  let losing = false
  const errand = app(
    t,
    unreliable(store, 'turn', () => {
      if (!losing) return 'none'
      losing = false
      return 'after'
    }),
  )
  const begun = Promise.withResolvers<void>()
  const task = errand.task('task', async (_: void, job) => {
    begun.resolve()
    await sleep(60_000, undefined, { signal: job.signal })
  })

  const job = await task.enqueue()
  await errand.worker({ grace: '1s' }).start()
  await begun.promise
  await sleep(20)
  losing = true
  await job.cancel()

  await assert.rejects(job.result({ timeout: '5s' }), { code: 'JOB_CANCELLED' })
})

test('a worker can be stopped although its store never answers again, and closes what it opened', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  let away = false
  const errand = app(
    t,
    unreliable(store, ['turn', 'resync', 'leave'], () => (away ? 'before' : 'none')),
  )
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const task = errand.task('task', () => (begun.resolve(), finish.promise))
  let closed = false

  const worker = await errand.worker({ lease: '1s', onStop: () => void (closed = true) }).start()
  await task.enqueue()
  await begun.promise
  away = true
  finish.resolve()
  await worker.stop()

  assert.equal(closed, true)
})

test('a worker that is stopped while it rests after trouble rests no longer', async (t) => {
  const env = systemEnv()
  // Of the timers that keep a process alive none ever fires, so only being stopped ends the rest.
  const restless = {
    ...env,
    after: (...[ms, call, options]: Parameters<typeof env.after>) =>
      options?.hold ? { cancel() {} } : env.after(ms, call),
  }
  let away = false
  const errand = new Errand({
    store: unreliable(new MemoryStore({ env }), 'turn', () => (away ? 'before' : 'none')),
    env: restless,
  })
  t.after(() => errand.close())
  const troubled = Promise.withResolvers<void>()
  errand.on('error', () => troubled.resolve())
  errand.task('task', () => {})
  const worker = await errand.worker().start()

  away = true
  await troubled.promise
  away = false
  await worker.stop()

  await worker.finished
})
