/**
 * Limits by token bucket: so many at once, refilled evenly. Kept in this process's memory, for a bounded number of
 * keys; when there are more, the one used longest ago is forgotten.
 */
export interface Limit {
  /** How many may come at once. */
  readonly burst: number
  /** How long one takes to come back. */
  readonly refillMs: number
}

interface Bucket {
  tokens: number
  at: number
}

export class TokenBuckets {
  readonly #limit: Limit
  readonly #now: () => number
  readonly #most: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(limit: Limit, now: () => number = Date.now, most = 20_000) {
    this.#limit = limit
    this.#now = now
    this.#most = most
  }

  /** Takes one token. Answers 0, or for how many milliseconds to wait; then nothing was taken. */
  take(key: string): number {
    const bucket = this.#filled(key)
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) * this.#limit.refillMs)
    bucket.tokens -= 1

    return 0
  }

  /** As `take`, without taking. */
  wait(key: string): number {
    const { tokens } = this.#filled(key)

    return tokens < 1 ? Math.ceil((1 - tokens) * this.#limit.refillMs) : 0
  }

  /** Gives one back: what was taken turned out not to count. */
  giveBack(key: string): void {
    const bucket = this.#filled(key)
    bucket.tokens = Math.min(this.#limit.burst, bucket.tokens + 1)
  }

  #filled(key: string): Bucket {
    const now = this.#now()
    const old = this.#buckets.get(key) ?? { tokens: this.#limit.burst, at: now }
    // A clock that was put back refills nothing.
    const refilled = old.tokens + Math.max(0, now - old.at) / this.#limit.refillMs
    const bucket = { tokens: Math.min(this.#limit.burst, refilled), at: now }

    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > this.#most) this.#buckets.delete(this.#buckets.keys().next().value!)

    return bucket
  }
}
