/** `errand jobs retry` */
import { actOnJobs, type Action } from '../act-on-jobs.ts'
import type { Invocation } from '../invocation.ts'
import type { ActOptions } from '../program-jobs.ts'

const retry: Action = {
  verb: 'retry',
  past: 'ready again',
  states: ['failed'],
  one: (job) => job.retry(),
  done: ['retried'],
  many: (errand, query, options) => errand.retry(query, options),
}

export const run = (invocation: Invocation, ids: string[], options: ActOptions): Promise<number> =>
  actOnJobs(retry, invocation, ids, options)
