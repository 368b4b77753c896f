/** What must compile of limits and order, and what must not. Only compiled, never run. */
import { z } from 'zod'
import { Errand } from '../../src/index.ts'

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
  errand.task('sync', { order: ({ account }) => account }, (_: { account: string }) => 1)
  errand.task('skip', { order: { by: ({ account }) => account, skipAfter: '10m' } }, (_: { account: string }) => 1)
  errand.task(
    'both',
    { order: ({ account }) => account, limit: { rate: '10/m', per: ({ tenant }) => tenant } },
    (_: { account: string; tenant: string }) => 1,
  )
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
