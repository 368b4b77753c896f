import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment } from '../assignment.ts'
import { percentile } from '../order.ts'
import { openErrand, runningWorker } from '../sides/errand.ts'
import { anInput, type Input, monotonicMs, slices } from '../work.ts'
import { Tally } from './tally.ts'

/** Ten slots, of which nobody may have more than five at once. */
const slots = 10
const share = 5
/** How long a job of the flood takes. */
const floodMs = 20
const warmUp = 30

interface TenantInput extends Input {
  tenant: 'small' | 'flood'
}

/** Milliseconds a job of a small tenant waits beside another's flood, of the slowest hundredth the fastest. */
export async function tenantWait({ store, jobs, flood = 0 }: Assignment): Promise<number> {
  const errand = openErrand(store)
  const tally = new Tally()
  const waited: number[] = []
  const limit = { concurrency: share, per: ({ tenant }: TenantInput) => tenant }
  const send = errand.task<TenantInput, null>('send', { queue: 'default', limit }, async (input) => {
    if (input.tenant === 'flood') await sleep(floodMs)
    else {
      waited.push(monotonicMs() - input.sentAt)
      tally.add()
    }

    return null
  })

  const others = Array.from({ length: flood }, (_, number): TenantInput => ({ ...anInput(number), tenant: 'flood' }))
  for (const slice of slices(others, 1000)) await send.enqueueMany(slice)

  const worker = runningWorker(errand, slots)
  await worker.start()
  for (let number = 0; number < jobs + warmUp; number += 1) {
    const started = tally.more(1)
    await sleep(8 + Math.random() * 8)
    await send.enqueue({ ...anInput(number), tenant: 'small', sentAt: monotonicMs() })
    await started
  }
  await worker.stop()
  await errand.close()

  return percentile(waited.slice(warmUp), 99)
}
