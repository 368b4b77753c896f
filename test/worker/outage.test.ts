/** A store that is away for a while: what is said of it, and what is not lost. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import {
  Errand,
  StoreAwayError,
  StoreClosedError,
  StoreRefusedError,
  UnknownOutcomeError,
  type ErrandError,
  type Events,
  type Store,
} from '../../src/index.ts'
import { systemEnv } from '../../src/env.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'
import { until } from './worker-support.ts'

const ofWorkers = ['turn', 'resync', 'report', 'upkeep', 'leave']

/** An app whose workers cannot reach their store while `away`. */
function anApp(t: TestContext, trouble: Error = new StoreAwayError('10.0.0.1:6379', 0, 'connection refused')) {
  const store = new MemoryStore({ env: systemEnv() })
  const server = { away: false }
  const refuse = async () => {
    throw trouble
  }
  const reached = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => unknown
      return (...args: unknown[]) => (server.away && ofWorkers.includes(name as string) ? refuse() : call(...args))
    },
  }) as Store
  const errand = new Errand({ store: reached })
  const [said, errors] = [[] as string[], [] as Events['error'][]]
  errand.on('store away', ({ error }) => said.push(`away: ${(error as ErrandError).code}`))
  errand.on('store back', ({ awayMs }) => said.push(awayMs > 0 ? 'back' : 'back at once'))
  errand.on('error', (event) => errors.push(event))
  t.after(() => errand.close())

  return { errand, server, said, errors }
}

test('a store that goes away is told once, and once when it is back', async (t) => {
  const { errand, server, said, errors } = anApp(t)
  const task = errand.task('task', () => 'ran')
  await errand.worker({ beat: false }).start()

  server.away = true
  await until(() => new Set(errors.map(({ during }) => during)).size === 2 && errors.length > 4)
  assert.deepEqual(said, ['away: STORE_AWAY'])
  server.away = false
  const job = await task.enqueue()

  assert.equal(await job.result(), 'ran')
  await until(() => said.length > 1)
  assert.deepEqual(said, ['away: STORE_AWAY', 'back'])
})

for (const trouble of [
  new StoreRefusedError('10.0.0.1:6379', 'NOPERM', 'Allow it.'),
  new TypeError('A fault of its own.'),
]) {
  test(`a store that fails its worker with a ${trouble.name} is away too, and back when it answers`, async (t) => {
    const { errand, server, said, errors } = anApp(t, trouble)
    const task = errand.task('task', () => 'ran')
    await errand.worker({ beat: false }).start()

    server.away = true
    await until(() => new Set(errors.map(({ during }) => during)).size === 2 && errors.length > 4)
    server.away = false
    const job = await task.enqueue()

    assert.equal(await job.result(), 'ran')
    await until(() => said.length > 1)
    assert.deepEqual(said, [`away: ${(trouble as ErrandError).code}`, 'back'])
  })
}

test('a worker whose store was closed by its own process does not call it away', async (t) => {
  const { errand, server, said, errors } = anApp(t, new StoreClosedError())
  errand.task('task', () => {})
  await errand.worker({ beat: false }).start()

  server.away = true
  await until(() => errors.length > 2)
  server.away = false

  assert.deepEqual(said, [])
})

test('what a handler says while the store is away is written when it is back, the latest thousand lines', async (t) => {
  const { errand, server, said, errors } = anApp(t)
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const task = errand.task('task', async (_: void, job) => {
    job.log('before')
    begun.resolve()
    await until(() => said.length === 1)
    for (let line = 1; line <= 900; line++) job.log(`meanwhile ${line}`)
    await job.progress(1, { of: 2, note: 'half' })
    await finish.promise
  })
  const other = errand.task('other', async (_: void, job) => {
    await until(() => said.length === 1)
    for (let line = 1; line <= 200; line++) job.log(`beside ${line}`)
  })
  const [job, beside] = [await task.enqueue(), await other.enqueue()]
  await errand.worker({ beat: false }).start()
  await begun.promise
  await until(async () => (await job.log()).length === 1)

  server.away = true
  await until(() => said.length === 1)
  await until(() => errors.filter(({ during }) => during.startsWith('writing')).length > 1)
  server.away = false
  await beside.result()

  const [lines, others] = [await job.log(), await beside.log()]
  assert.equal(lines.length + others.length - 1, 1_000)
  assert.deepEqual([lines.at(-1)?.message, others.at(-1)?.message], ['meanwhile 900', 'beside 200'])
  assert.equal((await job.info()).progress?.note, 'half')
  finish.resolve()
  await job.result()
})

test('the result of a step is written when the store is back: its work is not done again', async (t) => {
  const { errand, server, said } = anApp(t)
  let charges = 0
  const order = errand.task('order', (_: void, job) =>
    job.step('charge', () => {
      server.away = true
      return ++charges
    }),
  )
  await errand.worker({ beat: false }).start()
  const handle = await order.enqueue()
  await until(() => said.length === 1)

  server.away = false

  assert.equal(await handle.result(), 1)
  assert.deepEqual([charges, (await handle.info()).attempt], [1, 1])
})

for (const [what, trouble] of [
  ['that is away', undefined],
  ['whose answers get lost', new UnknownOutcomeError('a report', [], new Error('cut'))],
  ['with a fault of its own', new Error('No code says what this is.')],
] as const) {
  test(`when a job first started is not forgotten by a store ${what}: its line goes on after \`skipAfter\``, async (t) => {
    const { errand, server, said } = anApp(t, trouble)
    const runs: string[] = []
    const retry = { attempts: 3, first: 200, jitter: 0, backoff: 'fixed' } as const
    const sync = errand.task('sync', { order: { by: () => 'one', skipAfter: '300ms' }, retry }, (name: string, job) => {
      runs.push(`${name}${job.attempt}`)
      if (name === 'last') return
      server.away = job.attempt === 1
      throw new Error('It fails each time.')
    })
    const jobs = await sync.enqueueMany(['first', 'last'])
    await errand.worker({ beat: false }).start()
    await until(() => said.length === 1)

    server.away = false
    await jobs[0]!.result().catch(() => {})

    assert.deepEqual(runs, ['first1', 'first2', 'last1', 'first3'])
  })
}

test('a step waits no longer for the store than its job is surely its own', async (t) => {
  const { errand, server } = anApp(t)
  const refused = Promise.withResolvers<unknown>()
  const order = errand.task('order', (_: void, job) =>
    job
      .step('charge', () => void (server.away = true))
      .catch((error: unknown) => {
        refused.resolve(error)
        throw error
      }),
  )
  await errand.worker({ beat: false, lease: '1s' }).start()
  await order.enqueue()

  assert.equal(((await refused.promise) as StoreAwayError).code, 'STORE_AWAY')
  server.away = false
})

for (const scheme of ['redis', 'postgres']) {
  test(`a worker and a beat that wait for a ${scheme} server that says nothing can be stopped, and the app closed`, async (t) => {
    const silent = createServer()
    t.after(() => silent.close())
    const sockets: Socket[] = []
    silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const errand = new Errand({ store: `${scheme}://127.0.0.1:${port}/?connectTimeout=1h&waitForServer=1h` })
    errand.task('a', () => {})
    const [worker, beat] = [errand.worker({ beat: false }), errand.beat()]

    const connected = once(silent, 'connection')
    const starts = [worker.start({ patient: true }), beat.start({ patient: true })]
    await connected
    await Promise.all([worker.stop(), beat.stop()])
    await Promise.all(starts)
    await errand.close()

    assert.equal(worker.health().reason, 'The worker is stopped.')
    for (const socket of sockets) socket.destroy()
  })
}
