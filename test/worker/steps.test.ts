/** What handlers do once and for all with `step`, `run` and `sleep`, on the memory engine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chain, mapEach } from '../../src/index.ts'
import type { MemoryStore } from '../../src/store/memory/memory.ts'
import { started, until, untilAborted } from './worker-support.ts'

const soon = { timeout: '10s' } as const
const later = <T>(ms: number, value: T) => new Promise<T>((resolve) => setTimeout(resolve, ms, value))

test('a step under way beside a flow is done once: the job waits only when it is written', async (t) => {
  const { errand, work } = started(t)
  const child = errand.task('child', () => 1)
  let charges = 0
  const order = errand.task('order', (_: void, job) =>
    Promise.all([
      job.run('flow', chain(child.with())),
      job.step('charge', async () => {
        await later(50, undefined)
        return ++charges
      }),
    ]),
  )
  await work()

  assert.deepEqual(await (await order.enqueue()).result(soon), [1, 1])
  assert.equal(charges, 1)
})

test('a step under way beside a sleep is done once', async (t) => {
  const { errand, work } = started(t)
  let charges = 0
  const order = errand.task('order', async (_: void, job) => {
    const paid = job.step('charge', async () => {
      await later(50, undefined)
      return ++charges
    })
    await Promise.all([job.sleep('cool off', 10), paid])
    return paid
  })
  await work()

  assert.equal(await (await order.enqueue()).result(soon), 1)
  assert.equal(charges, 1)
})

test('a step under way beside one that fails is done once: the next attempt finds it done', async (t) => {
  const { errand, work } = started(t)
  let charges = 0
  const order = errand.task('order', { retry: { attempts: 2, first: 1 } }, (_: void, job) =>
    Promise.all([
      job.step('charge', () => later(50, ++charges)),
      job.step('label', () => {
        if (job.attempt === 1) throw new Error('no paper')
        return 'labelled'
      }),
    ]),
  )
  await work()

  assert.deepEqual(await (await order.enqueue()).result(soon), [1, 'labelled'])
  assert.equal(charges, 1)
})

test('what a step under way is followed by is done once as well', async (t) => {
  const { errand, work } = started(t)
  const done: string[] = []
  const items = errand.task('items', (_: void, job) =>
    Promise.all(
      ['a', 'b'].map(async (item) => {
        await job.step(`first ${item}`, () => later(item === 'a' ? 1 : 40, done.push(`first ${item}`)))
        await job.sleep(`rest ${item}`, 1)
        return job.step(`second ${item}`, () => done.push(`second ${item}`))
      }),
    ),
  )
  await work()

  await (await items.enqueue()).result(soon)

  assert.deepEqual(done.toSorted(), ['first a', 'first b', 'second a', 'second b'])
})

test('nothing new is begun for a job that waits already', async (t) => {
  const { errand, work } = started(t)
  const go = Promise.withResolvers<void>()
  const late = Promise.withResolvers<unknown>()
  let runs = 0
  let charges = 0
  const order = errand.task('order', async (_: void, job) => {
    if (++runs > 1) return job.step('charge', () => ++charges)
    void go.promise.then(() => job.step('charge', () => ++charges)).catch(late.resolve)
    return job.sleep('rest', 200)
  })
  await work()
  const handle = await order.enqueue()
  await until(async () => (await handle.state()) === 'scheduled')

  go.resolve()

  assert.equal(((await late.promise) as Error).name, 'Suspended')
  assert.deepEqual([await handle.result(soon), charges], [1, 1])
})

test('a flow and a step that are awaited late, or never, do not end the process', async (t) => {
  const { errand, work } = started(t)
  const unhandled: unknown[] = []
  const hear = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', hear)
  t.after(() => process.off('unhandledRejection', hear))
  const child = errand.task('child', () => 7)
  const order = errand.task('order', { retry: false }, async (_: void, job) => {
    const seven = job.run('flow', chain(child.with()))
    const nap = job.sleep('nap', 10)
    void job.step('never awaited', () => Promise.reject(new Error('broken')))
    await later(20, undefined)
    await nap
    return seven
  })
  await work()

  assert.equal(await (await order.enqueue()).result(soon), 7)
  await later(1, undefined)
  assert.deepEqual(unhandled, [])
})

test('a step whose name is taken still fails the job', async (t) => {
  const { errand, work } = started(t)
  const child = errand.task('child', () => 7)
  const order = errand.task('order', { retry: false }, async (_: void, job) => {
    await job.step('flow', () => 1)
    return job.run('flow', chain(child.with()))
  })
  await work()

  await assert.rejects((await order.enqueue()).result(soon), { code: 'JOB_FAILED', message: /step name "flow" twice/ })
})

/** A store that fails as the second part of a large flow comes, as if the worker had died there. */
function failingHalfWay(store: MemoryStore): void {
  const { insert } = store
  let large = 0
  store.insert = async (calls) => {
    if (calls.some(({ length }) => length > 500) && ++large === 2) throw new Error('half-way')
    return insert(calls)
  }
}

test('a flow that is there in part and is built otherwise fails its job at once', async (t) => {
  const { errand, store, work } = started(t)
  failingHalfWay(store)
  const child = errand.task('child', (n: number) => n)
  let runs = 0
  const order = errand.task('order', { retry: { first: 1 } }, (_: void, job) => {
    const more = runs++
    return job.run(
      'flow',
      mapEach(
        child,
        Array.from({ length: 2500 }, (_each, n) => n + more),
      ),
    )
  })
  await work()
  const handle = await order.enqueue()

  await assert.rejects(handle.result(soon), { message: /builds the flow "flow" otherwise/ })

  assert.deepEqual([(await handle.info()).error?.code, runs], ['FLOW_CHANGED', 2])
})

test('one that is built the same is completed', async (t) => {
  const { errand, store, work } = started(t)
  failingHalfWay(store)
  const child = errand.task('child', (n: number) => n)
  const order = errand.task('order', { retry: { first: 1 } }, async (_: void, job) => {
    const all = await job.run(
      'flow',
      mapEach(
        child,
        Array.from({ length: 1500 }, (_each, n) => n),
      ),
    )
    return all.length
  })
  await work({ concurrency: 100 })

  assert.equal(await (await order.enqueue()).result(soon), 1500)
})

test('one that is wholly there stands as it was begun, also where its gate has yet to open', async (t) => {
  const { errand, store, work } = started(t)
  const { release } = store
  let releases = 0
  store.release = (given) => (++releases === 1 ? Promise.reject(new Error('at the gate')) : release(given))
  const child = errand.task('child', (n: number) => n)
  let runs = 0
  const order = errand.task('order', { retry: { first: 1 } }, async (_: void, job) => {
    const first = runs++ === 0 ? 0 : 1
    const all = await job.run(
      'flow',
      mapEach(
        child,
        Array.from({ length: 1500 }, (_each, n) => n + first),
      ),
    )
    return all[0]
  })
  await work({ concurrency: 100 })

  assert.equal(await (await order.enqueue()).result(soon), 0)
})

test('a handler that was told to end begins nothing more', async (t) => {
  const { errand, store, work } = started(t)
  const child = errand.task('child', () => 1)
  let charges = 0
  const refused: unknown[] = []
  const order = errand.task('order', async (_: void, job) => {
    await until(() => job.signal.aborted)
    const all = [job.run('flow', chain(child.with(), child)), job.step('charge', () => ++charges), job.sleep('nap', 10)]
    for (const each of await Promise.allSettled<unknown>(all)) refused.push((each as PromiseRejectedResult).reason)
    return job.run('rest', chain(child.with(), child))
  })
  await work()
  const handle = await errand.enqueue(chain(order.with()))
  await until(async () => (await handle.state()) === 'running')

  await handle.cancel()

  await assert.rejects(handle.result(soon), { code: 'JOB_CANCELLED' })
  assert.deepEqual(
    refused.map((error) => (error as { code?: string }).code),
    ['CANCELLED', 'CANCELLED', 'CANCELLED'],
  )
  assert.deepEqual([charges, (await store.find({ tasks: ['child'] })).jobs.length], [0, 0])
})

test('a handler that goes on after its end does no more steps', async (t) => {
  const { errand, work } = started(t)
  const late = Promise.withResolvers<unknown>()
  const go = Promise.withResolvers<void>()
  let charges = 0
  const order = errand.task('order', (_: void, job) => {
    void go.promise.then(() => job.step('charge', () => ++charges)).catch(late.resolve)
    return 'ended'
  })
  await work()
  await (await order.enqueue()).result(soon)

  go.resolve()

  assert.deepEqual([((await late.promise) as { code?: string }).code, charges], ['CLAIM_LOST', 0])
})

test('a sleep under the name that a step had sleeps, and a step under that of a sleep works', async (t) => {
  const { errand, work } = started(t)
  let runs = 0
  const order = errand.task('order', async (_: void, job) => {
    if (++runs === 1) {
      await job.step('pause', () => 'abc')
      return job.sleep('again', 10)
    }
    await job.sleep('pause', 30)
    return job.step('again', () => 'worked')
  })
  await work()

  assert.deepEqual([await (await order.enqueue()).result(soon), runs], ['worked', 3])
})

test('a step may have the name of something that every object has, and none that begins with a tilde', async (t) => {
  const { errand, work } = started(t)
  const order = errand.task('order', { retry: false }, async (_: void, job) => {
    await job.sleep('rest', 1)
    return job.step('constructor', () => 1)
  })
  const other = errand.task('other', { retry: false }, (_: void, job) => job.step('~started 1', () => 1))
  await work()

  assert.equal(await (await order.enqueue()).result(soon), 1)
  await assert.rejects((await other.enqueue()).result(soon), { message: /does not begin with "~"/ })
})

test('a sleep whose stored end cannot be read fails, and is not sent to the store', async (t) => {
  const { errand, store, work } = started(t)
  const { report } = store
  store.report = (incarnation, reports) =>
    report(
      incarnation,
      reports.map((said) => (said.kind === 'step' ? { ...said, result: 'soon' } : said)),
    )
  const order = errand.task('order', { retry: false }, (_: void, job) => job.sleep('rest', 1))
  await work()

  await assert.rejects((await order.enqueue()).result(soon), { message: /the stored end of the sleep "rest"/ })
})

test('a flow is limited by a job that cancels it later', async (t) => {
  const { errand, work } = started(t)
  const child = errand.task('child', (_: void, job) => untilAborted(job.signal))
  const giveUp = errand.task('order.give-up', (flow: string) => errand.workflow(flow).cancel())
  const order = errand.task('order', { retry: false }, async (_: void, job) => {
    await job.step('limit', async () => (await giveUp.enqueue(`${job.id}:flow`, { delay: 50 })).id)
    return job.run('flow', chain(child.with(), child))
  })
  await work()

  await assert.rejects((await order.enqueue()).result(soon), { code: 'JOB_FAILED', message: /was cancelled/ })
})

test('a step that hangs beside a flow holds its run no longer than the timeout of its task', async (t) => {
  const { errand, work } = started(t)
  const child = errand.task('child', () => 'ran')
  const hanging = errand.task('hanging', { retry: false, timeout: '100ms' }, async (_: void, job) => {
    await Promise.all([job.step('hang', () => new Promise(() => {})), job.run('flow', chain(child.with(), child))])
  })
  await work()

  const job = await hanging.enqueue()

  await assert.rejects(job.result({ timeout: '20s' }), { errorCode: 'JOB_TIMEOUT' })
})
