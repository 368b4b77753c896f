/** Workflows when workers die, in time that is moved by hand; and what they must not show. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { chain, chord, defineSignal, Errand, group, mapEach, workflow, type Settled } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import type { ClaimedJob } from '../../src/store/store.ts'
import { ManualEnv } from '../../src/testing/manual-env.ts'
import { until } from '../worker/worker-support.ts'

/** An app whose clock is moved by hand, and a worker of it that takes jobs and is never heard of again. */
function world(t: TestContext) {
  const env = new ManualEnv()
  const store = new MemoryStore({ env })
  const errand = new Errand({ store, env })
  t.after(() => errand.close())
  const worker = { name: 'doomed', host: 'here', pid: 1, queues: ['default'], tasks: [], slots: 10, leaseMs: 8_000 }
  const doomed = async (jobs: number) => {
    const incarnation = await store.join(worker)
    const room = [{ queues: ['default'], jobs, bottomUp: 0 }]
    const turn = await store.turn({ incarnation, settled: [], givenBack: [], room })
    assert.ok(!turn.gone)
    const late = (claimed: readonly ClaimedJob[], result: string) =>
      store.turn({
        incarnation,
        settled: claimed.map((claim) => ({ claim, outcome: { kind: 'succeeded', result }, ranMs: 1 })),
        givenBack: [],
        room: [],
      })
    return { claimed: turn.claimed, late }
  }
  const double = errand.task('double', (n: number) => n * 2)

  return { env, store, errand, doomed, double }
}

test('a join fires once, though a worker dies with its members (celery#5229)', async (t) => {
  const { env, errand, doomed, double } = world(t)
  const sums: number[] = []
  const sum = errand.task('sum', (all: number[]) => {
    const total = all.reduce((a, b) => a + b, 0)
    sums.push(total)
    return total
  })
  const flow = await errand.enqueue(chord(mapEach(double, [1, 2, 3, 4]), sum))
  const first = await doomed(3)
  const worker = await errand.worker().start()

  await env.advance(20_000)
  const answer = await first.late(first.claimed, '1000')

  assert.deepEqual([first.claimed.length, answer.gone], [3, true])
  assert.deepEqual([await flow.state(), sums], ['succeeded', [20]])
  assert.equal(await flow.result(), 20)
  await worker.stop()
})

test('a join fires again only for a worker that dies with it', async (t) => {
  const { env, errand, doomed, double } = world(t)
  let sums = 0
  const sum = errand.task('sum', (all: number[]) => {
    sums++
    return all.length
  })
  const flow = await errand.enqueue(chord(mapEach(double, [1, 2, 3, 4]), sum))
  const members = await doomed(4)
  await members.late(members.claimed, '1')
  const callback = await doomed(4)
  const worker = await errand.worker().start()

  await env.advance(20_000)

  assert.deepEqual(
    callback.claimed.map(({ task }) => task),
    ['sum'],
  )
  assert.deepEqual([await flow.result(), sums, (await flow.info()).crashes], [4, 1, 1])
  await worker.stop()
})

test('a handler that runs anew finds the flow it began', async (t) => {
  const { env, store, errand, double } = world(t)
  const parent = errand.task('parent', async (n: number, job) => job.run('rest', chain(double.with(n), double)))
  const handle = await parent.enqueue(3)
  const worker = await errand.worker().start()
  await env.advance(100)
  assert.equal(await handle.result(), 12)

  await handle.retry()
  await env.advance(100)

  assert.equal(await handle.result(), 12)
  const { jobs } = await store.find({ tag: `workflow:${handle.id}` })
  assert.deepEqual(jobs.map(({ id }) => id).toSorted(), [`${handle.id}:rest`, `${handle.id}:rest.1`])
  await worker.stop()
})

test('what is asked of a workflow costs by its own steps, whatever is kept beside it', async (t) => {
  const { store, errand, double } = world(t)
  let calls = 0
  for (const name of ['find', 'get'] as const) {
    const asked = store[name].bind(store) as (...given: unknown[]) => Promise<never>
    store[name] = (...given: unknown[]) => {
      calls++
      return asked(...given)
    }
  }
  const approval = workflow('approval', (w) => w.step(double, w.waitFor(defineSignal<number>('approved')).result))
  const cost = async () => {
    const flow = await errand.enqueue(approval)
    calls = 0
    const answers = [
      await flow.signal('approved', 4),
      await flow.retry(),
      (await flow.graph()).done,
      await flow.cancel(),
    ]
    assert.deepEqual(answers, ['released', 'not final', 1, 'cancelled'])
    return calls
  }

  const alone = await cost()
  for (let n = 0; n < 25; n++) await double.enqueueMany(Array.from({ length: 1_000 }, (_, input) => input))

  assert.equal(await cost(), alone)
})

test('what is asked of one flow that a handler has started costs nothing for the others that it has started', async (t) => {
  const store = new MemoryStore()
  const errand = new Errand({ store })
  t.after(() => errand.close())
  let read = 0
  const find = store.find.bind(store)
  store.find = async (...query) => {
    const page = await find(...query)
    read += page.jobs.length
    return page
  }
  const approval = workflow('approval', (w) => w.waitFor('approved'))
  const many = errand.task('many', async (count: number, job) =>
    Promise.all(Array.from({ length: count }, (_, n) => job.run(`f${n}`, approval))),
  )
  await errand.worker().start()
  const cost = async (count: number) => {
    const job = await many.enqueue(count)
    await until(async () => (await job.state()) === 'blocked')
    read = 0
    assert.equal(await errand.workflow(`${job.id}:f0`).signal('approved', 1), 'released')
    assert.equal(await errand.workflow(`${job.id}:f1`).cancel(), 'cancelled')
    return read
  }

  assert.deepEqual([await cost(2), await cost(300)], [0, 0])
})

test('a step result of a claim that was taken back is refused', async (t) => {
  const { env, store, errand } = world(t)
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let refused: unknown
  let runs = 0
  const slow = errand.task('slow', async (_: void, job) => {
    if (++runs > 1) return job.step('charge', () => 'second')
    begun.resolve()
    await go.promise
    return job
      .step('charge', () => 'first')
      .catch((error: unknown) => {
        refused = error
        throw error
      })
  })
  const handle = await slow.enqueue()
  const first = await errand.worker().start()
  await begun.promise
  const [incarnation] = await store.workers()
  await store.leave(incarnation!.incarnation)

  go.resolve()
  await env.advance(60_000)
  const second = await errand.worker().start()
  await env.advance(60_000)

  assert.equal((refused as { code?: string } | undefined)?.code, 'CLAIM_LOST')
  assert.equal(await handle.result(), 'second')
  await Promise.all([first.stop(), second.stop()])
})

test('what a task hides stays hidden where its results are gathered', async (t) => {
  const { env, errand } = world(t)
  const login = errand.task('login', { redact: ['password'] }, (user: string) => ({ user, password: 'secret' }))
  const flow = await errand.enqueue(group(login.with('ada'), group(login.with('bob'))))
  const worker = await errand.worker().start()
  await env.advance(100)

  const { result } = await flow.info()

  assert.ok(!JSON.stringify(result).includes('secret'))
  assert.deepEqual(await flow.result(), [{ user: 'ada', password: 'secret' }, [{ user: 'bob', password: 'secret' }]])
  await worker.stop()
})

test('middleware sees the jobs of a flow, and may change them', async (t) => {
  const { env, errand, double } = world(t)
  const seen: unknown[] = []
  errand.use({
    async enqueue(jobs, next) {
      for (const job of jobs) {
        seen.push([job.task, job.metadata])
        job.metadata['trace'] = 't1'
      }
      await next()
    },
  })
  const flow = await errand.enqueue(chain(double.with(1), double))
  const worker = await errand.worker().start()
  await env.advance(100)

  assert.deepEqual(seen, [
    ['double', { trace: 't1' }],
    ['double', { trace: 't1' }],
  ])
  assert.deepEqual((await flow.info()).metadata, { trace: 't1' })
  assert.equal(await flow.result(), 4)
  await worker.stop()
})

test('the job that starts a scheduled flow goes where its first task is run', async (t) => {
  const { errand, double } = world(t)
  const remote = errand.task('remote', { queue: 'far' }, (n: number) => n)
  const unknown = new Errand({ store: 'memory:' }).task('unknown', (n: number) => n)
  await errand.schedules.put('flow', { every: '1h' }, chain(remote.with(1), double))

  const started = await errand.schedules.run('flow')

  assert.equal((await started.info()).queue, 'far')
  await assert.rejects(errand.schedules.put('odd', { every: '1h' }, chain(double.with(1), unknown)), {
    code: 'UNKNOWN_TASK',
  })
})

test('what is gathered may be larger than a single result', async (t) => {
  const env = new ManualEnv()
  const errand = new Errand({ store: new MemoryStore({ env }), env, payloadBytes: 1_000 })
  t.after(() => errand.close())
  const text = errand.task('text', (length: number) => 'x'.repeat(length))
  const flow = await errand.enqueue(mapEach(text, [900, 900, 900]))
  const large = await errand.enqueue(chain(text.with(1_100), text.with(1)))
  const worker = await errand.worker().start()
  await env.advance(100)

  assert.equal((await flow.result()).join('').length, 2_700)
  await assert.rejects(large.result(), /more than the 1000 allowed/)
  await worker.stop()
})

test('why many steps were cancelled is asked together, and of what they share once', async (t) => {
  const store = new MemoryStore()
  const errand = new Errand({ store })
  t.after(() => errand.close())
  const double = errand.task('double', (n: number) => n * 2)
  const fail = errand.task('fail', { retry: false }, (): number => {
    throw new Error('no paper')
  })
  const reasons = errand.task('reasons', (ends: Settled<number>[]) =>
    ends.map((end) => (end.state === 'succeeded' ? 'well' : end.error.message)),
  )
  const wide = workflow('wide', (w) => {
    const first = w.step(fail)
    const steps = Array.from({ length: 300 }, () => w.step(double, first.result))
    return w.step(
      reasons,
      steps.map(({ end }) => end),
    )
  })
  const { get } = store
  const asked: number[] = []
  Object.assign(store, {
    get: (ids: readonly string[]) => {
      asked.push(ids.length)
      return get(ids)
    },
  })

  const job = await errand.enqueue(wide)
  await errand.worker().start()

  assert.deepEqual(await job.result({ timeout: '30s' }), Array(300).fill('no paper'))
  assert.equal(
    asked.reduce((sum, ids) => sum + ids, 0),
    301,
  )
  assert.ok(asked.length < 10, `${asked.length} calls`)
})
