/** Handing jobs to the store: in calls that it takes whole, and again where no answer came. */
import { ErrandError, UnknownOutcomeError } from '../errors.ts'
import type { InsertOutcome, NewJob, Store, StoreLimits } from '../store/store.ts'
import { sliced } from './slices.ts'

/** Inserts with an unknown outcome are repeated, with the same ids, this often. */
const repeats = 3

export type Call = readonly NewJob[]

/** What became of one call: an answer for each of its jobs, or why there is none. */
export type Fate = InsertOutcome[] | { readonly error: unknown }

/** Repeats an insert whose outcome is unknown: the same ids make that safe. A repetition that is refused says nothing of the first. */
export async function insertSafely(store: Store, calls: readonly Call[]): Promise<InsertOutcome[][]> {
  let unsure: UnknownOutcomeError | undefined
  for (let repeat = 1; ; repeat++) {
    try {
      return await store.insert(calls)
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) throw unsure ?? error
      if (repeat === repeats) throw error
      unsure = error
    }
  }
}

/** Calls of many callers, in as few inserts as the store allows. Never rejects: each caller has its own fate. */
export async function insertApart(store: Store, calls: readonly Call[]): Promise<Fate[]> {
  const slices = sliced(calls, store.limits, sizeOfCall, (call) => call.length)
  if (slices.length === 1) return insertSlice(store, calls)

  return (await Promise.all(slices.map((slice) => insertSlice(store, slice)))).flat()
}

async function insertSlice(store: Store, calls: readonly Call[]): Promise<Fate[]> {
  try {
    return await insertSafely(store, calls)
  } catch (error) {
    if (error instanceof UnknownOutcomeError) return calls.map((call) => ({ error: unknown(call, error) }))
    if (calls.length === 1 || error instanceof ErrandError) return calls.map(() => ({ error }))

    // One call that cannot be written must not take its neighbours with it.
    return (await Promise.all(calls.map((call) => insertSlice(store, [call])))).flat()
  }
}

const unknown = (call: Call, error: UnknownOutcomeError) =>
  new UnknownOutcomeError(
    'an insert',
    call.map(({ id }) => id),
    error.cause,
    error.known,
  )

const sizeOf = (job: NewJob) => job.input.length + (job.metadata?.length ?? 0)
const sizeOfCall = (call: Call) => call.reduce((sum, job) => sum + sizeOf(job), 0)

/** Noting that one job waits for another costs a store half of what a job does, or more. */
const dependenciesAsOne = 2
const weightOf = ({ after }: NewJob) => (after ? Math.max(1, after.on.length / dependenciesAsOne) : 1)

/** Cuts jobs into calls that the store takes whole. One that waits for many counts as many, lest others wait for it long. */
export const slices = (jobs: readonly NewJob[], limits: StoreLimits): (readonly NewJob[])[] =>
  sliced(jobs, limits, sizeOf, weightOf)
