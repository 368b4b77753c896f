import { sliced } from '../client/slices.ts'
import type { MovingJob } from '../store/moving.ts'
import type { StoreLimits } from '../store/store.ts'

/** As many moving jobs at a time as one call may carry. */
export const slices = (
  jobs: readonly MovingJob[],
  limits: Pick<StoreLimits, 'jobsPerCall' | 'bytesPerCall'>,
): (readonly MovingJob[])[] =>
  sliced(
    jobs,
    limits,
    (job) => JSON.stringify(job).length,
    () => 1,
  )
