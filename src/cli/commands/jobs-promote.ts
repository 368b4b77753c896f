/** `errand jobs promote` */
import type { JobHandle } from '../../client/handle.ts'
import { actOnJobs, type Action } from '../act-on-jobs.ts'
import type { Invocation } from '../invocation.ts'

const promote: Action = {
  verb: 'promote',
  past: 'ready',
  states: ['scheduled'],
  one: promoted,
  done: ['ready', 'ready already'],
}

async function promoted(job: JobHandle): Promise<string> {
  const info = await job.info()
  // Promoting it again would take it to the end of its line.
  if (info?.state === 'ready') return 'ready already'
  const answer = await job.promote()
  if (answer !== 'changed') return answer

  // It has lost its delay, and not the jobs it waits for.
  return info?.state === 'blocked' ? 'blocked' : 'ready'
}

export const run = (invocation: Invocation, ids: string[]): Promise<number> => actOnJobs(promote, invocation, ids, {})
