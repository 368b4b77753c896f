/** `errand jobs promote` */
import { actOnJobs, type Action } from '../act-on-jobs.ts'
import type { Invocation } from '../invocation.ts'

const promote: Action = {
  verb: 'promote',
  past: 'ready',
  states: ['scheduled'],
  one: (job) => job.promote(),
  done: ['changed'],
}

export const run = (invocation: Invocation, ids: string[]): Promise<number> => actOnJobs(promote, invocation, ids, {})
