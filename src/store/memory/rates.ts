/** Start rates: a token is a recorded start, and is free again when that start has left the window. */
import type { Data, RateState } from './data.ts'
import type { Entry } from './entry.ts'
import { rateOf } from './lines.ts'

export function mayStart(data: Data, entry: Entry): boolean {
  const rate = entry.rate && data.rates.get(entry.rate.name)
  const now = data.env.now()
  return !rate || (rate.closedUntil <= now && freeTokens(rate, now) > 0)
}

export function freeTokens(rate: RateState, now: number): number {
  return rate.tokens - (rate.starts.length - firstSince(rate, now - rate.perMs))
}

export function recordStart(data: Data, entry: Entry): void {
  const rate = entry.rate && data.rates.get(entry.rate.name)
  if (!rate) return
  const at = data.env.now()
  // In order even when the clock has gone back.
  rate.starts.splice(firstSince(rate, at), 0, { at, id: entry.id, claim: entry.claim })
}

/** A job given back unstarted returns its token. */
export function forgetStart(data: Data, entry: Entry): void {
  const rate = entry.job.rate && data.rates.get(entry.job.rate.name)
  const index = rate?.starts.findLastIndex(({ id, claim }) => id === entry.id && claim === entry.claim) ?? -1
  if (index !== -1) rate!.starts.splice(index, 1)
}

/** No job of this job's rate starts before that long from now. */
export function closeRate(data: Data, { job }: Entry, ms: number): void {
  const rate = job.rate && rateOf(data, job.rate)
  if (rate) rate.closedUntil = Math.max(rate.closedUntil, data.env.now() + ms)
}

/** Milliseconds until a job of this rate may start; undefined if none ever may. */
export function untilToken(rate: RateState, now: number): number | undefined {
  const opens = Math.max(0, rate.closedUntil - now)
  const missing = 1 - freeTokens(rate, now)
  if (missing <= 0) return opens

  const freeing = rate.starts[firstSince(rate, now - rate.perMs) + missing - 1]
  return freeing && Math.max(opens, freeing.at + rate.perMs - now)
}

/** Index of the first start after `since`. */
export function firstSince({ starts }: RateState, since: number): number {
  let [low, high] = [0, starts.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]!.at > since) high = middle
    else low = middle + 1
  }
  return low
}
