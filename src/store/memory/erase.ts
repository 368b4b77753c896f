import type { Data } from './data.ts'
import { removeEdges } from './dependencies.ts'
import type { Entry } from './entry.ts'
import { dropRetention } from './finish.ts'
import { countJob } from './limits.ts'
import { dropFromOrder } from './order.ts'

/** Deletes a final job and all it has. */
export function erase(data: Data, entry: Entry): void {
  removeEdges(entry)
  dropRetention(data, entry)
  data.jobs.delete(entry.id)
  data.queues.get(entry.job.queue)!.states[entry.state]--
  entry.erased = true
  countJob(data, entry, -1)
  dropFromOrder(data, entry)
}
