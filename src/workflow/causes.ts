/** Why jobs were cancelled: the failure at the beginning, through however many steps. */
import { JobCancelledError, JobExpiredError } from '../errors.ts'
import type { FinalState, JobError } from '../job.ts'
import type { JobRecord, Store } from '../store/store.ts'
import { portionsOf } from './flows.ts'

const longestTrail = 100

export interface Cause {
  readonly id: string
  readonly error: JobError
}

/** The failure that a job was cancelled because of. */
export async function rootError(store: Store, id: string): Promise<Cause | undefined> {
  return (await rootErrors(store, [id])).get(id)
}

/** The same for many, those left out that have none. Mostly one failure is the cause of all, so each job on the way is asked for once. */
export async function rootErrors(store: Store, ids: readonly string[]): Promise<ReadonlyMap<string, Cause>> {
  const causes = new Map<string, Cause>()
  let trails = ids.map((id) => ({ id, at: id }))
  for (let hop = 0; hop < longestTrail && trails.length > 0; hop++) {
    const known = await recordsOf(
      store,
      trails.map(({ at }) => at),
    )
    trails = trails.flatMap(({ id, at }) => {
      const job = known.get(at)
      const error = job && errorOf(job)
      if (error) causes.set(id, { id: at, error })

      return error || job?.because === undefined ? [] : { id, at: job.because }
    })
  }
  return causes
}

/** Of one that ended badly by itself. */
function errorOf({ id, state, error }: JobRecord): JobError | undefined {
  if (state === 'failed') return error

  return state === 'expired' ? plainError(id, 'expired') : undefined
}

/** Of one that ended without an error of its own. */
export function plainError(id: string, state: FinalState): JobError {
  const { name, message, code } = state === 'expired' ? new JobExpiredError(id) : new JobCancelledError(id)

  return { name, message, code }
}

async function recordsOf(store: Store, ids: readonly string[]): Promise<ReadonlyMap<string, JobRecord>> {
  const found = new Map<string, JobRecord>()
  for (const portion of portionsOf(store, [...new Set(ids)])) {
    for (const job of await store.get(portion)) if (job && job !== 'gone') found.set(job.id, job)
  }
  return found
}
