/** What must happen when a job ends is a job of its own, recorded in the same step. */
import { Errand, Fatal, type FollowUpInput } from 'errand'

const errand = new Errand({ store: 'sqlite:errand.db' })
const told = Promise.withResolvers<string>()

const tell = errand.task('order.tell', ({ task, state, error }: FollowUpInput) => {
  told.resolve(`${task} ${state}: ${error?.message}`)
})
const receipt = errand.task('order.receipt', ({ order }: { order: string }) => `receipt for ${order}`)

const ship = errand.task('order.ship', { onFailed: tell }, async ({ order }: { order: string }, job) => {
  if (order === 'B2') throw new Fatal('out of stock')
  // Exists if and only if this attempt succeeds.
  job.followUp(receipt, { order }, { id: `receipt-${order}` })
})

await errand.worker().start()
await (await ship.enqueue({ order: 'A1' })).result({ timeout: '10s' })
console.log(await receipt.job('receipt-A1').result({ timeout: '10s' }))

await ship.enqueue({ order: 'B2' })
console.log(await told.promise)
await errand.close()

// prints:
// receipt for A1
// order.ship failed: out of stock
