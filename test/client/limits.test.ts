import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  chain,
  Errand,
  systemEnv,
  type EnqueueOptions,
  type ErrandOptions,
  type StoreContract,
} from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory/memory.ts'

/** An app, and the jobs that it has sent to its store. */
function sending(t: TestContext, options: ErrandOptions = {}) {
  const sent: StoreContract.NewJob[] = []
  const store = new MemoryStore({ env: systemEnv() })
  const insert = store.insert.bind(store)
  store.insert = (calls) => {
    sent.push(...calls.flat())
    return insert(calls)
  }
  const errand = new Errand({ store, ...options })
  t.after(() => errand.close())

  return { errand, sent }
}

const handler = (_: any): any => null

test('a job names the lane and the rate that its task says, by the key of its parsed input', async (t) => {
  const { errand, sent } = sending(t)
  const limited = errand.task(
    'limited',
    { limit: { concurrency: 2, rate: '10/m', per: (input: { a: string }) => input.a } },
    handler,
  )
  const ordered = errand.task(
    'ordered',
    { order: (input: { a: string }) => input.a, limit: { rate: { starts: 3, per: '90s' } } },
    handler,
  )
  const batched = errand.batchTask('batched', { size: 5, wait: '2s' }, handler)

  await limited.enqueue({ a: 'x' })
  await ordered.enqueue({ a: 'y' })
  await batched.enqueue({})

  assert.deepEqual(
    sent.map(({ lane, rate }) => ({ lane, rate })),
    [
      { lane: { name: 'limited:x', slots: 2 }, rate: { name: 'limited:x', tokens: 10, perMs: 60_000 } },
      { lane: { name: 'ordered:y', slots: 1, ordered: true }, rate: { name: 'ordered', tokens: 3, perMs: 90_000 } },
      { lane: { name: 'batched', slots: 1, gather: { size: 5, waitMs: 2000 } }, rate: undefined },
    ],
  )
})

test('a job without limits says nothing of them', async (t) => {
  const { errand, sent } = sending(t)

  await errand.task('plain', handler).enqueue({})

  assert.deepEqual(Object.keys(sent[0]!).toSorted(), [
    'id',
    'input',
    'keepFailedMs',
    'keepSucceededMs',
    'queue',
    'rank',
    'task',
  ])
})

test('a job has the limit of the queue in which it stands, wherever it was put there', async (t) => {
  const queues = { slow: { limit: { concurrency: 1 } }, other: { limit: { rate: '5/s' } } } as const
  const { errand, sent } = sending(t, { queues })
  errand.use({
    enqueue: async ([draft], next) => {
      const { to } = draft!.input as { to?: string }
      if (to) draft!.queue = to
      await next()
    },
  })
  const task = errand.task('task', { queue: 'slow' }, handler)

  await task.enqueue({})
  await task.enqueue({}, { queue: 'other' })
  await task.enqueue({}, { queue: 'free' })
  await task.enqueue({ to: 'other' })
  await task.enqueue({ to: 'free' })

  assert.deepEqual(
    sent.map(({ queue, lane, rate }) => [queue, lane?.name, rate?.name]),
    [
      ['slow', 'queue:slow', undefined],
      ['other', undefined, 'queue:other'],
      ['free', undefined, undefined],
      ['other', undefined, 'queue:other'],
      ['free', undefined, undefined],
    ],
  )
})

test('two limits of a kind for one job are refused where they are defined, or where they meet', async (t) => {
  const { errand } = sending(t, { queues: { slow: { limit: { concurrency: 1 } }, fast: { limit: { rate: '5/s' } } } })
  const define = (options: object) => () => errand.task('task', options as {}, handler)
  const order = () => 'key'

  assert.throws(define({ order, limit: { concurrency: 2 } }), /`limit\.concurrency` of task "task".*`order`/s)
  assert.throws(define({ order, queue: 'slow' }), /the queue of task "task".*`order` of its task.*"slow"/s)
  assert.throws(define({ limit: { concurrency: 2 }, queue: 'slow' }), { code: 'INVALID_OPTION' })
  assert.throws(define({ limit: { rate: '1/s' }, queue: 'fast' }), /`limit\.rate` of its task/)
  assert.throws(() => errand.batchTask('b', { size: 2, wait: 1, queue: 'fast' }, handler), /has its batch/)

  const limited = errand.task('limited', { limit: { concurrency: 2 }, queue: 'fast' }, handler)
  await assert.rejects(limited.enqueue({}, { queue: 'slow' }), /`limit\.concurrency` of its task/)
})

test('a rate in a time of its own is written as it is shown, in code as on the command line', async (t) => {
  const { errand, sent } = sending(t)
  const often = errand.task('often', { limit: { rate: '10/90s' } }, handler)
  const rarely = errand.task('rarely', { limit: { rate: { starts: 10, per: '90s' } } }, handler)

  await often.enqueue({})
  await rarely.enqueue({})
  await errand.limits.set('often', { rate: '3/250ms' })

  assert.deepEqual(
    sent.map(({ rate }) => [rate?.tokens, rate?.perMs]),
    [
      [10, 90_000],
      [10, 90_000],
    ],
  )
  assert.deepEqual((await errand.limits.list()).limits[0]?.rate, { starts: 3, per: 250 })
  assert.throws(() => errand.task('odd', { limit: { rate: '10/9x' as never } }, handler), /the time of `rate`|duration/)
})

test('options that limit nothing, or say it in a way that cannot be meant, are refused with what can', async (t) => {
  const { errand } = sending(t)
  const refused = [
    { limit: {} },
    { limit: { per: () => 'x' } },
    { limit: { concurrency: 0 } },
    { limit: { concurrency: 1.5 } },
    { limit: { rate: '10/w' } },
    { limit: { rate: '0/s' } },
    { limit: { rate: 10 } },
    { limit: { rate: { starts: 10, per: 0 } } },
    { limit: { rate: { starts: 1.5, per: '1s' } } },
    { limit: { concurrency: 1, per: 'tenant' } },
    { order: 'account' },
    { order: { by: 'account' } },
    { order: { by: () => 'x', skipAfter: 'soon' } },
  ]

  for (const options of refused) {
    assert.throws(
      () => errand.task('task', options as {}, handler),
      { code: 'INVALID_OPTION' },
      JSON.stringify(options),
    )
  }
  assert.throws(() => errand.task('task', { limit: { concurency: 1 } } as {}, handler), /Did you mean "concurrency"/)
  assert.throws(() => errand.batchTask('task', { size: 0, wait: 1 }, handler), { code: 'INVALID_OPTION' })
  assert.throws(() => errand.batchTask('task', { size: 1 } as never, handler), { code: 'INVALID_OPTION' })
  assert.throws(() => errand.batchTask('task', { size: 1, wait: 1, limit: {} } as never, handler), {
    code: 'UNKNOWN_OPTION',
  })
  assert.throws(() => new Errand({ queues: { q: { limit: { concurrency: 1, per: () => 'x' } } } } as never), {
    code: 'UNKNOWN_OPTION',
  })
})

test('a key that is no text, empty or too long is refused when the job is enqueued', async (t) => {
  const { errand, sent } = sending(t)
  const limited = errand.task('limited', { limit: { concurrency: 1, per: (key: any) => key } }, handler)
  const ordered = errand.task('ordered', { order: (key: any) => key }, handler)
  const batched = errand.batchTask('batched', { size: 2, wait: 1, by: (key: any) => key }, handler)

  for (const task of [limited, ordered, batched]) {
    for (const key of ['', 7, null, 'x'.repeat(257)]) {
      await assert.rejects(task.enqueue(key), /key that .* of task ".*1 to 256 characters/, `${task.name} ${key}`)
    }
  }
  assert.equal(sent.length, 0)
})

test('a priority is refused where it would break the order', async (t) => {
  const { errand, sent } = sending(t)
  const ordered = errand.task('ordered', { order: () => 'one', priority: 'high' }, handler)
  const urgent: EnqueueOptions = { priority: 'urgent' }

  await ordered.enqueue({})
  await assert.rejects(ordered.enqueue({}, urgent), /`priority` of "ordered".*order/)
  await errand.enqueue(chain(ordered.with({})), urgent)
  errand.use({
    enqueue: async ([draft], next) => {
      draft!.priority = 'low'
      await next()
    },
  })
  await assert.rejects(ordered.enqueue({}), /`priority` of "ordered"/)

  assert.equal(new Set(sent.filter(({ task }) => task === 'ordered').map(({ rank }) => rank)).size, 1)
})

test('what is enqueued by the store itself cannot have a key, and is refused', async (t) => {
  const { errand } = sending(t)
  const limited = errand.task('limited', { limit: { concurrency: 1 } }, handler)
  const telling = errand.task('telling', { onSucceeded: limited }, handler)

  await assert.rejects(telling.enqueue({}), /what is enqueued when "telling" ends.*job\.followUp/)
})

test('a step of a workflow has the limit of its task, if its key can be known', async (t) => {
  const { errand, sent } = sending(t)
  const first = errand.task('first', (_: { a: string }) => ({ a: 'b' }))
  const keyed = errand.task('keyed', { limit: { concurrency: 1, per: (input: { a: string }) => input.a } }, handler)
  const plain = errand.task('plain', { limit: { concurrency: 1 } }, handler)

  await errand.enqueue(chain(first.with({ a: 'a' }), plain, keyed.with({ a: 'x' })))
  await assert.rejects(errand.enqueue(chain(first.with({ a: 'a' }), keyed)), /a step of "keyed".*whole input/)

  assert.deepEqual(
    sent.map(({ lane }) => lane?.name),
    [undefined, 'plain', 'keyed:x'],
  )
})

test('two tasks whose limits would have one name are refused', (t) => {
  const { errand } = sending(t)
  errand.task('a', { limit: { concurrency: 1, per: () => 'x' } }, handler)

  assert.throws(() => errand.task('a:b', { limit: { concurrency: 1 } }, handler), /taken for a key of task "a"/)
  assert.throws(() => errand.task('queue:a', { limit: { concurrency: 1 } }, handler), /taken for a queue/)
  errand.task('a:c', handler)
})

test('limits are listed page by page', async (t) => {
  const { errand } = sending(t)
  const limited = errand.task('limited', { limit: { concurrency: 1, per: (key: string) => key } }, handler)
  await limited.enqueueMany(['c', 'a', 'b'])

  const first = await errand.limits.list({ limit: 2 })
  const rest = await errand.limits.list({ limit: 2, cursor: first.cursor! })

  assert.deepEqual(
    [first, rest].map(({ limits }) => limits.map(({ name }) => name)),
    [['limited:a', 'limited:b'], ['limited:c']],
  )
  assert.equal(rest.cursor, undefined)
})

test('a limit that cannot be meant is not set', async (t) => {
  const { errand } = sending(t)

  await assert.rejects(errand.limits.set('a', {}), { code: 'INVALID_OPTION' })
  await assert.rejects(errand.limits.set('a', { concurrency: 0 }), { code: 'INVALID_OPTION' })
  await assert.rejects(errand.limits.set('', { concurrency: 1 }), { code: 'INVALID_OPTION' })
  await assert.rejects(errand.limits.set('a', { slots: 1 } as never), { code: 'UNKNOWN_OPTION' })
  await assert.rejects(errand.limits.reset(''), { code: 'INVALID_OPTION' })
})
