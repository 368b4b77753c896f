/** Jobs, turns and workers with everything filled in that a test does not care about. */
import type { JobError } from '../../job.ts'
import type { Outcome } from '../../outcome.ts'
import type { Claim, NewJob, NewWorker, Settlement, Turn } from '../../store/store.ts'

const hour = 3_600_000
let count = 0

/** A job of task `work` in queue `default`, normal priority, kept for an hour. */
export function aJob(fields: Partial<NewJob> = {}): NewJob {
  return {
    id: `job-${++count}`,
    task: 'work',
    queue: 'default',
    rank: 2,
    input: '{}',
    keepSucceededMs: hour,
    keepFailedMs: hour,
    ...fields,
  }
}

/** Jobs with these ids. */
export function jobs(ids: readonly string[], fields: Partial<NewJob> = {}): NewJob[] {
  return ids.map((id) => aJob({ ...fields, id }))
}

/** A turn that settles nothing and claims up to ten jobs of queue `default`. */
export function aTurn(fields: Partial<Turn> & Pick<Turn, 'incarnation'>): Turn {
  return { settled: [], givenBack: [], room: [{ queues: ['default'], jobs: 10, bottomUp: 0 }], ...fields }
}

/** A worker on queue `default` with a lease of eight seconds. */
export function aWorker(fields: Partial<NewWorker> = {}): NewWorker {
  return {
    name: 'worker',
    host: 'test',
    pid: 1,
    queues: ['default'],
    tasks: ['work'],
    slots: 10,
    leaseMs: 8_000,
    ...fields,
  }
}

export function aSettlement(claim: Claim, outcome: Outcome, fields: Partial<Settlement> = {}): Settlement {
  return { claim, outcome, ranMs: 5, ...fields }
}

export const anError: JobError = { name: 'Error', message: 'it broke' }

/** How runs end. */
export const succeeded: Outcome = { kind: 'succeeded', result: '{"done":true}' }
export const failed: Outcome = { kind: 'failed', error: anError }
export const cancelled: Outcome = { kind: 'cancelled' }
export const retryIn = (delayMs: number): Outcome => ({ kind: 'retry', error: anError, delayMs })
export const waitOn = (...on: string[]): Outcome => ({ kind: 'wait', on })
export const sleepFor = (delayMs: number): Outcome => ({ kind: 'wait', on: [], delayMs })
