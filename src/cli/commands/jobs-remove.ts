/** `errand jobs remove` */
import { actOnJobs, type Action } from '../act-on-jobs.ts'
import type { Invocation } from '../invocation.ts'
import type { ActOptions } from '../program-jobs.ts'

const remove: Action = {
  verb: 'remove',
  past: 'removed',
  states: ['succeeded', 'failed', 'cancelled', 'expired'],
  one: (job) => job.remove(),
  done: ['removed'],
  many: (errand, query, options) => errand.remove(query, options),
}

export const run = (invocation: Invocation, ids: string[], options: ActOptions): Promise<number> =>
  actOnJobs(remove, invocation, ids, options)
