/** Tasks are tested on the real thing: the memory store, and a clock that the test moves. */
import { Errand } from 'errand'
import { ManualEnv } from 'errand/testing'

const env = new ManualEnv({ startAt: Date.UTC(2026, 0, 1) })
const errand = new Errand({ store: 'memory:', env })

const sent: string[] = []
const remind = errand.task('remind', { retry: { first: '10m', jitter: 0 } }, async (to: string, job) => {
  if (job.attempt === 1) throw new Error('the mail server is away')
  sent.push(to)
})

await errand.worker().start()
const job = await remind.enqueue('ada', { delay: '2h' })

const minute = 60_000
const hour = 60 * minute
await env.advance(2 * hour - minute)
console.log(await job.state(), sent)

await env.advance(2 * minute)
const [attempt] = await job.attempts()
console.log(await job.state(), attempt?.error.message)

await env.advance(10 * minute)
console.log(await job.state(), sent)

await errand.close()

// prints:
// scheduled []
// scheduled the mail server is away
// succeeded [ 'ada' ]
