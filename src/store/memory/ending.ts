/**
 * The end of a job together with the jobs to be enqueued then: what its run asked for, and what its
 * task wants for this end. Cancelled jobs have none. What insert refuses of them is dropped.
 */
import { WorkerLostError } from '../../errors.ts'
import type { FollowUp, NewJob } from '../store.ts'
import type { Data } from './data.ts'
import type { Entry } from './entry.ts'
import { finish, type Ending } from './finish.ts'
import { insertCall } from './insert.ts'

export function end(data: Data, entry: Entry, ending: Ending, followUps: readonly NewJob[] = []): void {
  finish(data, entry, ending)
  for (const job of followUps) insertCall(data, [job])

  const wanted = followUpFor(entry)
  if (wanted) insertCall(data, [{ ...wanted, id: data.env.id(), input: followUpInput(entry) }])
}

/** A job whose worker went silent once too often ends failed, as if it had thrown this. */
export function endLost(data: Data, entry: Entry): void {
  const { name, message, code } = new WorkerLostError(entry.crashes)
  end(data, entry, { state: 'failed', error: { name, message, code } })
}

function followUpFor({ state, job }: Entry): FollowUp | undefined {
  if (state === 'succeeded') return job.onSucceeded
  return state === 'cancelled' ? undefined : job.onFailed
}

/** `FollowUpInput` as text. Input and result are put in as they were stored, unread. */
function followUpInput({ job, state, input, result, error }: Entry): NewJob['input'] {
  const parts = [
    `"id":${JSON.stringify(job.id)}`,
    `"task":${JSON.stringify(job.task)}`,
    `"state":"${state}"`,
    `"input":${input}`,
  ]
  if (result !== undefined && result !== null) parts.push(`"result":${result}`)
  if (error) parts.push(`"error":${JSON.stringify(error)}`)
  return `{${parts.join(',')}}`
}
