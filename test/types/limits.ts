/** What must compile of limits and order, and what must not. Only compiled, never run. */
import { z } from 'zod'
import { Errand, shape, type BatchItem } from '../../src/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

const errand = new Errand({ store: 'memory:', queues: { email: { limit: { concurrency: 3, rate: '10/s' } } } })

export function right() {
  errand.task(
    'call',
    {
      input: z.object({ tenant: z.string(), times: z.coerce.number() }),
      limit: { concurrency: 5, rate: '100/m', per: ({ tenant, times }) => tenant.repeat(times) },
    },
    ({ tenant }) => tenant,
  )
  errand.task('plain', { limit: { rate: { starts: 10, per: '90s' } } }, (_: { n: number }) => 1)
  errand.task('short', { limit: { rate: '10/90s' } }, (_: { n: number }) => 1)
  errand.task('sync', { order: ({ account }) => account }, (_: { account: string }) => 1)
  errand.task('skip', { order: { by: ({ account }) => account, skipAfter: '10m' } }, (_: { account: string }) => 1)
  errand.task(
    'both',
    { order: ({ account }) => account, limit: { rate: '10/m', per: ({ tenant }) => tenant } },
    (_: { account: string; tenant: string }) => 1,
  )
  // Where the handler takes its job too, the key's own parameter is the one that says the type.
  errand.task('told', { order: ({ account }: { account: string }) => account }, ({ account }, job) => account + job.id)
}

export async function batches() {
  const index = errand.batchTask(
    'index',
    { input: z.object({ index: z.string(), n: z.coerce.number() }), size: 10, wait: '1s', by: ({ index }) => index },
    async (items, { signal }) => {
      signal.throwIfAborted()
      return items.map(({ input, job }) => (job.attempt > 1 ? { ok: input.n + 1 } : { error: new Error('later') }))
    },
  )
  same<Awaited<ReturnType<Awaited<ReturnType<typeof index.enqueue>>['result']>>, number>(true)
  errand.batchTask('plain', { size: 10, wait: 50 }, (items: readonly BatchItem<{ n: number }>[]) =>
    items.map(({ input }) => ({ ok: input.n })),
  )

  const declared = errand.declareBatch('declared', {
    input: z.object({ n: z.coerce.number() }),
    output: z.object({ half: z.number() }),
    size: 10,
    wait: '1s',
    by: ({ n }) => String(n),
  })
  errand.handle(declared, (items) => items.map(({ input }) => ({ ok: { half: input.n / 2 } })))
  const bare = errand.declareBatch<{ n: number }>('bare', { size: 10, wait: '1s' }).returns<string>()
  errand.handle(bare, (items) => items.map(({ input }) => ({ ok: String(input.n) })))
  same<Awaited<ReturnType<Awaited<ReturnType<typeof declared.enqueue>>['result']>>, { half: number }>(true)
  same<Awaited<ReturnType<Awaited<ReturnType<typeof bare.enqueue>>['result']>>, string>(true)
  // @ts-expect-error: the wrong result
  errand.handle(declared, (items) => items.map(() => ({ ok: 'half' })))
  // @ts-expect-error: a batch has a handler of many items
  errand.handle(declared, ({ n }: { n: number }) => ({ half: n }))
  // @ts-expect-error: how many come together is part of the declaration, since it is stored with each job
  errand.declareBatch('sizeless', { input: z.object({ n: z.number() }) })

  // @ts-expect-error: a batch is answered item by item
  errand.batchTask('a', { input: z.object({ n: z.number() }), size: 10, wait: '1s' }, (items) => items.map(() => 1))
  // @ts-expect-error: a batch waits for so long
  errand.batchTask('b', { input: z.object({ n: z.number() }), size: 10 }, () => [])
  // @ts-expect-error: a batch is what holds its jobs back already
  errand.batchTask('c', { input: shape<{}>(), size: 10, wait: '1s', limit: { concurrency: 1 } }, () => [])
  errand.batchTask('d', { input: z.object({ n: z.number() }), size: 10, wait: '1s' }, (items) =>
    items.map(({ job }) => {
      // @ts-expect-error: a job of a batch cannot wait by itself
      void job.sleep('a while', '1h')
      return { ok: 1 }
    }),
  )
  // @ts-expect-error: the key comes from the input
  errand.batchTask('e', { input: shape<{ n: number }>(), size: 10, wait: 1, by: (input) => input.n }, () => [])
}

export function wrong() {
  // @ts-expect-error: a limit that limits nothing
  errand.task('a', { limit: {} }, () => 1)
  // @ts-expect-error: a key alone limits nothing
  errand.task('b', { limit: { per: (input) => input.tenant } }, (_: { tenant: string }) => 1)
  // @ts-expect-error: no such unit
  errand.task('c', { limit: { rate: '10/w' } }, () => 1)
  // @ts-expect-error: a rate is starts in a time
  errand.task('d', { limit: { rate: 10 } }, () => 1)
  // @ts-expect-error: a key is a text
  errand.task('e', { order: (input) => input.n }, (_: { n: number }) => 1)
  // @ts-expect-error: order is a concurrency of one already
  errand.task('f', { order: (input) => input.a, limit: { concurrency: 2 } }, (_: { a: string }) => 1)
  // @ts-expect-error: the input has no such field
  errand.task('g', { input: z.object({ n: z.number() }), limit: { concurrency: 1, per: (input) => input.m } }, () => 1)
  // @ts-expect-error: an unknown option
  errand.task('h', { limit: { concurrency: 1, max: 2 } }, () => 1)
  // @ts-expect-error: a queue has no input to take a key from
  new Errand({ queues: { email: { limit: { concurrency: 1, per: () => 'x' } } } })
}
