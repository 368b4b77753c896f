/** Held back by limits, kept in order by key, and changed while it runs. */
import { Errand, RetryAfter } from 'errand'

interface Call {
  tenant: string
  n: number
}

const errand = new Errand({
  store: 'sqlite:errand.db',
  queues: { email: { limit: { concurrency: 3, rate: '10/s' } } },
})

const called: string[] = []
const callApi = errand.task(
  'call-api',
  { limit: { concurrency: 2, rate: '100/m', per: ({ tenant }) => tenant } },
  async ({ tenant, n }: Call) => {
    called.push(tenant)
    // What the API says holds for all calls of this tenant.
    if (tenant === 'busy' && n === 0) throw new RetryAfter('1h')
  },
)

const done: string[] = []
const sync = errand.task(
  'sync',
  { order: { by: ({ account }) => account, skipAfter: '10m' }, retry: { first: 20 } },
  async ({ account, change }: { account: string; change: string }) => {
    done.push(`${account} ${change}`)
    if (done.length === 1) throw new Error('the first try fails, and the next change waits for the second')
  },
)

await callApi.enqueueMany(Array.from({ length: 50 }, (_, n) => ({ tenant: 'large', n })))
await callApi.enqueueMany([0, 1, 2].map((n) => ({ tenant: 'busy', n })))
const small = await callApi.enqueue({ tenant: 'small', n: 0 })
const [, , renamed] = await sync.enqueueMany([
  { account: 'ada', change: 'created' },
  { account: 'ada', change: 'paid' },
  { account: 'ada', change: 'renamed' },
])

await errand.limits.set('call-api:large', { concurrency: 1, rate: '10/m' })
await errand.worker({ concurrency: 4 }).start()
await Promise.all([small, renamed!].map((job) => job.result({ timeout: '10s' })))

console.log(done.join(', '))
console.log(called.filter((tenant) => tenant === 'busy').length <= 2)
for (const { name, rate, pinned } of (await errand.limits.list({ prefix: 'call-api:large' })).limits) {
  console.log(name, rate, pinned)
}
await errand.close()

// prints:
// ada created, ada created, ada paid, ada renamed
// true
// call-api:large { starts: 10, per: 60000 } true
