import type { MovingJob } from '../store/moving.ts'
import type { StoreLimits } from '../store/store.ts'

/** In their order, as many at a time as one call may carry; a job larger than that goes alone. */
export function* slices(
  jobs: readonly MovingJob[],
  { jobsPerCall, bytesPerCall }: Pick<StoreLimits, 'jobsPerCall' | 'bytesPerCall'>,
): Generator<MovingJob[]> {
  let slice: MovingJob[] = []
  let bytes = 0
  for (const job of jobs) {
    const size = JSON.stringify(job).length
    if (slice.length === jobsPerCall || (slice.length > 0 && bytes + size > bytesPerCall)) {
      yield slice
      slice = []
      bytes = 0
    }
    slice.push(job)
    bytes += size
  }
  if (slice.length > 0) yield slice
}
