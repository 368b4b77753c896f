/** `errand jobs cancel` */
import { actOnJobs, type Action } from '../act-on-jobs.ts'
import type { Invocation } from '../invocation.ts'
import type { ActOptions } from '../program-jobs.ts'

const cancel: Action = {
  verb: 'cancel',
  past: 'cancelled',
  states: ['scheduled', 'blocked', 'ready', 'running'],
  one: (job) => job.cancel(),
  done: ['cancelled', 'cancelling'],
  many: (errand, query, options) => errand.cancel(query, options),
}

export const run = (invocation: Invocation, ids: string[], options: ActOptions): Promise<number> =>
  actOnJobs(cancel, invocation, ids, options)
