/** What falls due, or expires, before anybody may look again. */
import { soonMs } from '../soon.ts'
import { queueOf, type Data } from './data.ts'
import type { Entry } from './entry.ts'

/** When the first job is due or expires. */
export function firstMoment({ due, expiries }: Data): number | undefined {
  const moments = [due, expiries].flatMap((line) => line.peek()?.first ?? [])
  return moments.length > 0 ? Math.min(...moments) : undefined
}

/** Whoever sleeps must hear of it where it has changed what comes first; `known` is what did before. */
export function wakeIfSooner(data: Data, { job }: Entry, known: number | undefined): void {
  const first = firstMoment(data)
  if (first === undefined || first > data.env.now() + soonMs || first >= (known ?? Infinity)) return
  queueOf(data, job.queue).arrivals++
  data.news.work(job.queue)
}
