/** A schema checks inputs where they are enqueued; errors that pass are tried again. */
import { Errand, Fatal } from 'errand'
import { z } from 'zod'

const errand = new Errand({ store: 'sqlite:errand.db' })

const charge = errand.task(
  'payment.charge',
  {
    input: z.object({ order: z.string(), cents: z.number().int().positive() }),
    retry: { attempts: 5, backoff: 'exponential', first: 20 },
  },
  async ({ order, cents }, job) => {
    if (cents > 100_000) throw new Fatal(`${order} needs an approval`)
    if (job.attempt < 3) throw new Error('the bank is busy')

    return `${order} paid in attempt ${job.attempt}`
  },
)

await errand.worker().start()

const small = await charge.enqueue({ order: 'A1', cents: 500 })
const large = await charge.enqueue({ order: 'B2', cents: 200_000 })

console.log(await small.result({ timeout: '10s' }))
console.log(await large.result({ timeout: '10s' }).catch((error: Error) => `${error.name}: ${error.message}`))
console.log(await charge.enqueue({ order: 'C3', cents: 1.5 }).catch((error: { code: string }) => error.code))
await errand.close()

// prints:
// A1 paid in attempt 3
// Fatal: B2 needs an approval
// INVALID_INPUT
