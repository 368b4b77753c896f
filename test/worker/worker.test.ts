import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Errand, type Events, type Worker } from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { ClaimedJob } from '../../src/store/store.ts'
import { Slots } from '../../src/worker/slots.ts'
import { started, until } from './worker-support.ts'

test('stop waits for the jobs that are running', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const task = errand.task('task', async () => {
    begun.resolve()
    await finish.promise
  })

  const job = await task.enqueue()
  const worker = await work()
  await begun.promise
  const stopped = worker.stop()
  finish.resolve()
  await stopped

  assert.equal(await job.state(), 'succeeded')
})

test('after the grace time the signal is aborted, and a job that ends then is given back without losing an attempt', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const task = errand.task('task', async (_: void, job) => {
    begun.resolve()
    await sleep(60_000, undefined, { signal: job.signal })
  })

  const job = await task.enqueue()
  const worker = await work()
  await begun.promise
  await worker.stop({ grace: 10 })

  const info = await job.info()
  assert.deepEqual([info.state, info.attempt, info.crashes, info.error], ['ready', 0, 0, undefined])
})

test('a process about to exit gives back even what does not end', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const never = Promise.withResolvers<void>()
  const deaf = errand.task('deaf', () => (begun.resolve(), never.promise))

  const job = await deaf.enqueue()
  const worker = await work()
  await begun.promise
  await worker.stop({ grace: 10, abandon: true })

  assert.equal(await job.state(), 'ready')
  never.resolve()
})

test('what was claimed and not started is given back when the worker stops', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const task = errand.task('task', ({ slow }: { slow: boolean }) =>
    slow ? (begun.resolve(), finish.promise) : undefined,
  )

  const jobs = await task.enqueueMany([{ slow: true }, { slow: false }, { slow: false }])
  const worker = await work({ concurrency: 1 })
  await begun.promise
  const stopped = worker.stop()
  finish.resolve()
  await stopped

  assert.deepEqual(await Promise.all(jobs.map((job) => job.state())), ['succeeded', 'ready', 'ready'])
})

test('no more jobs run at once than there are slots, with slots of its own for each queue', async (t) => {
  const { errand, work } = started(t)
  const running = { a: 0, b: 0 }
  const most = { a: 0, b: 0 }
  const count = (queue: 'a' | 'b') => async () => {
    most[queue] = Math.max(most[queue], ++running[queue])
    await sleep(2)
    running[queue]--
  }
  const a = errand.task('a', { queue: 'a' }, count('a'))
  const b = errand.task('b', { queue: 'b' }, count('b'))

  const jobs = [
    ...(await a.enqueueMany(Array(20).fill(undefined))),
    ...(await b.enqueueMany(Array(20).fill(undefined))),
  ]
  await work({ queues: { a: 3, b: 1 } })
  await Promise.all(jobs.map((job) => job.result()))

  assert.deepEqual(most, { a: 3, b: 1 })
})

test('queues named in a list are served in strict order', async (t) => {
  const { errand, work } = started(t)
  const order: string[] = []
  const task = errand.task('task', async (name: string) => {
    order.push(name)
    await sleep(1)
  })

  await task.enqueueMany(['low', 'low', 'low'], { queue: 'low' })
  const jobs = await task.enqueueMany(['high', 'high'], { queue: 'high' })
  const worker = await work({ queues: ['high', 'low'], concurrency: 1, burst: true })
  await worker.finished

  assert.deepEqual(order, ['high', 'high', 'low', 'low', 'low'])
  assert.equal(await jobs[0]!.state(), 'succeeded')
})

test('urgent jobs start first, and the lowest are not starved', async (t) => {
  const { errand, work } = started(t)
  const order: string[] = []
  const task = errand.task('task', async (name: string) => {
    order.push(name)
    await sleep(1)
  })

  await task.enqueueMany(['low'], { priority: 'low' })
  await task.enqueueMany(Array(200).fill('urgent'), { priority: 'urgent' })
  const worker = await work({ concurrency: 1, burst: true })
  await worker.finished

  assert.equal(order[0], 'urgent')
  assert.ok(order.indexOf('low') < 150, `the low one ran at place ${order.indexOf('low')}`)
})

test('a burst worker ends by itself when nothing is ready', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => 1)

  const jobs = await task.enqueueMany(Array(300).fill(undefined))
  const worker = await work({ burst: true })
  await worker.finished

  assert.deepEqual(new Set(await Promise.all(jobs.map((job) => job.state()))), new Set(['succeeded']))
})

/** A worker has fallen silent with a job of this queue, and nobody has looked after the store since. */
async function withSilentWorker(t: TestContext, queue: string) {
  // Its time runs faster than ours, and not so fast that two looks at it seem far apart.
  const env = systemEnv()
  const [begunAt, haste] = [env.monotonic(), 2.5]
  let slept = 0
  const store = new MemoryStore({
    env: { ...env, monotonic: () => begunAt + (env.monotonic() - begunAt) * haste + slept },
  })
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const job = await errand.task('task', { queue }, () => 1).enqueue()
  const [queues, tasks] = [[queue], ['task']]
  const dead = await store.join({ name: 'dead', host: 'h', pid: 1, queues, tasks, slots: 1, leaseMs: 8000 })
  await store.turn({ incarnation: dead, settled: [], givenBack: [], room: [{ queues, jobs: 1, bottomUp: 0 }] })
  slept = 600_000

  return { errand, job }
}

test('a burst worker stays until it has the jobs of a worker that had fallen silent', async (t) => {
  const { errand, job } = await withSilentWorker(t, 'default')

  const worker = await errand.worker({ burst: true }).start()
  await worker.finished

  const { state, crashes } = await job.info()
  assert.deepEqual([state, crashes], ['succeeded', 1])
})

test('a burst worker does not stay for jobs of queues that it does not serve', async (t) => {
  const { errand, job } = await withSilentWorker(t, 'elsewhere')

  const worker = await errand.worker({ queues: ['default'], burst: true }).start()
  await worker.finished

  assert.equal(await job.state(), 'running')
  assert.deepEqual(
    (await errand.workers()).map(({ name }) => name),
    ['dead'],
  )
})

test('a delayed job starts when it is due, and a promoted one at once', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => Date.now())
  await work()

  const enqueuedAt = Date.now()
  const soon = await task.enqueue(undefined, { delay: 50 })
  const later = await task.enqueue(undefined, { delay: '1h' })
  assert.equal(await later.state(), 'scheduled')
  assert.equal(await later.promote(), 'changed')

  await later.result()
  assert.ok(((await soon.result()) as number) - enqueuedAt >= 50)
})

test('a job whose task this worker does not know is given back and waits for one that does', async (t) => {
  const { errand, another, work } = started(t)
  const knowing = another()
  const givenBack: Events['given back'][] = []
  errand.on('given back', (event) => givenBack.push(event))
  errand.task('known', () => 1)
  const fresh = knowing.task('new', () => 'ran')

  const job = await fresh.enqueue()
  await work()
  await until(() => givenBack.length === 1)

  assert.equal(givenBack[0]!.why, 'unknown task')
  await until(async () => (await job.state()) === 'scheduled')
  const info = await job.info()
  assert.deepEqual([info.attempt, info.crashes], [0, 0])
  await knowing.worker().start()
  assert.equal(await job.result(), 'ran')
})

test('cancelling a running job signals it, and it ends cancelled whatever it returns', async (t) => {
  const { errand, work } = started(t)
  const begun = Promise.withResolvers<void>()
  const task = errand.task('task', async (_: void, job) => {
    begun.resolve()
    await sleep(60_000, undefined, { signal: job.signal }).catch(() => {})
    return 'finished anyway'
  })

  const job = await task.enqueue()
  await work()
  await begun.promise

  assert.equal(await job.cancel(), 'cancelling')
  await assert.rejects(job.result(), { code: 'JOB_CANCELLED' })
})

test('a worker needs a task to run, and refuses options it does not know', (t) => {
  const { errand } = started(t)
  assert.throws(() => errand.worker(), { code: 'HANDLER', message: /No task has a handler/ })
  errand.task('task', () => 1)

  assert.throws(() => errand.worker({ concurency: 3 } as never), { message: /Did you mean "concurrency"\?/ })
  assert.throws(() => errand.worker({ concurrency: 0 }), { code: 'INVALID_OPTION' })
  assert.throws(() => errand.worker({ queues: [] }), { message: /at least one queue/ })
})

test('onStart opens what handlers need before the first job, and onStop closes it after the last', async (t) => {
  const { errand, work } = started(t)
  const order: string[] = []
  const task = errand.task('task', () => void order.push('job'))

  await task.enqueue()
  const worker = await work({
    burst: true,
    onStart: () => void order.push('open'),
    onStop: () => void order.push('close'),
  })
  await worker.finished

  assert.deepEqual(order, ['open', 'job', 'close'])
})

test('a worker whose onStart fails does not start, and says why', async (t) => {
  const { errand, work } = started(t)
  errand.task('task', () => 1)

  await assert.rejects(work({ onStart: () => Promise.reject(new Error('no database')) }), { message: 'no database' })
})

test('quick jobs are claimed in hundreds and slow ones a few at a time', async (t) => {
  const { errand, work } = started(t)
  const task = errand.task('task', () => sleep(20))
  const jobs = await task.enqueueMany(Array(50).fill(undefined))
  const most = { running: 0 }
  errand.on('succeeded', async () => {
    const { states } = await errand.queue('default').info()
    most.running = Math.max(most.running, states.running)
  })

  await work({ concurrency: 2 })
  await Promise.all(jobs.map((job) => job.result()))

  assert.ok(most.running <= 10, `${most.running} were held at once`)
})

test('what a turn brings after the worker was told to stop is given back and not begun', async (t) => {
  const store = new MemoryStore({ env: systemEnv() })
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const ran: number[] = []
  const task = errand.task('task', (n: number) => void ran.push(n))
  const turn = store.turn.bind(store)
  let worker: Worker | undefined
  store.turn = async (asked) => {
    const answer = await turn(asked)
    if (!answer.gone && answer.claimed.length > 0) void worker?.stop()
    return answer
  }

  worker = errand.worker()
  const job = await task.enqueue(1)
  await worker.start()
  await worker.finished

  assert.deepEqual(ran, [])
  assert.equal(await job.state(), 'ready')
})

test('a worker stopped while it starts has ended when stop says so', async (t) => {
  const { errand, another } = started(t)
  const [begun, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const order: string[] = []
  errand.task('task', () => {})
  const onStart = () => (begun.resolve(), opened.promise)
  const worker = errand.worker({ onStart, onStop: () => void order.push('closed') })

  const starting = worker.start()
  await begun.promise
  const stopping = worker.stop().then(() => order.push('stopped'))
  opened.resolve()
  await Promise.all([starting, stopping])

  assert.deepEqual(order, ['closed', 'stopped'])
  assert.deepEqual(await another().workers(), [])
})

test('a busy queue leaves a queue with slots of its own its share of every call', async (t) => {
  const { errand, store } = started(t)
  Object.assign(store.limits, { jobsPerCall: 2 })
  const order: string[] = []
  const task = errand.task('task', (queue: string) => void order.push(queue))

  await task.enqueueMany(Array<string>(100).fill('busy'), { queue: 'busy' })
  await task.enqueueMany(['calm'], { queue: 'calm' })
  const worker = errand.worker({ queues: { busy: 5, calm: 1 }, burst: true })
  await worker.start()
  await worker.finished

  assert.equal(order.length, 101)
  assert.ok(order.indexOf('calm') < 20, `the calm one ran at place ${order.indexOf('calm')}`)
})

test('jobs that have been started are let go of, however long others wait (celery#4843)', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const slots = new Slots({ queues: ['default'], slots: 1, rotate: false }, 0)
  const job = () => ({ id: '', claim: 1, task: 'task', queue: 'default' }) as ClaimedJob
  const add = (count: number) => {
    const jobs = Array.from({ length: count }, job)
    slots.add(jobs, 0)

    return jobs.map((each) => new WeakRef(each))
  }

  const first = add(500)
  for (let taken = 0; taken < 2000; taken++) {
    slots.add([job()], 0)
    slots.take()
  }
  await sleep(1)
  collect()

  assert.equal(slots.waiting, 500)
  assert.equal(first.filter((each) => each.deref()).length, 0)
})
