/** What a store is given, cut to what one call of it carries. */
import type { StoreLimits } from '../store/store.ts'

/** In their order, as many at a time as fit; one that is larger than that goes alone. */
export function sliced<T>(
  items: readonly T[],
  limits: Pick<StoreLimits, 'jobsPerCall' | 'bytesPerCall'>,
  bytesOf: (item: T) => number,
  jobsOf: (item: T) => number,
): (readonly T[])[] {
  const slices: (readonly T[])[] = []
  let [from, bytes, jobs] = [0, 0, 0]

  for (let index = 0; index < items.length; index++) {
    const item = items[index]!
    bytes += bytesOf(item)
    jobs += jobsOf(item)
    if (index > from && (jobs > limits.jobsPerCall || bytes > limits.bytesPerCall)) {
      slices.push(items.slice(from, index))
      from = index
      bytes = bytesOf(item)
      jobs = jobsOf(item)
    }
  }
  if (from < items.length) slices.push(from === 0 ? items : items.slice(from))
  return slices
}
