/** Slows down guessing: limits per account and address, per account, per address, and for all hashing together. */
import type { RateLimits } from '../http/limits.ts'
import { takeOrRefuse, tooMany } from '../http/limits.ts'
import { TokenBuckets } from '../http/token-buckets.ts'

export class LogInThrottle {
  readonly #byPair: TokenBuckets
  readonly #byAccount: TokenBuckets
  readonly #byAddress: TokenBuckets
  readonly #hashes: TokenBuckets

  constructor(limits: RateLimits, now: () => number) {
    this.#byPair = new TokenBuckets(limits.logInsByPair, now)
    this.#byAccount = new TokenBuckets(limits.logInsByAccount, now)
    this.#byAddress = new TokenBuckets(limits.logInsByAddress, now)
    this.#hashes = new TokenBuckets(limits.hashes, now)
  }

  /** Lets an attempt through or throws; gives what to call when it succeeded, so that it does not count. */
  attempt(account: string, address: string): () => void {
    const taken = [
      [this.#byPair, `${account} ${address}`],
      [this.#byAccount, account],
      [this.#byAddress, address],
    ] as const
    const waitMs = Math.max(...taken.map(([buckets, key]) => buckets.wait(key)))
    if (waitMs > 0) throw tooMany(waitMs)

    this.hashing()
    for (const [buckets, key] of taken) buckets.take(key)
    return () => {
      for (const [buckets, key] of taken) buckets.giveBack(key)
    }
  }

  /** Counts one hash against what the whole service may spend on them. */
  hashing(): void {
    takeOrRefuse(this.#hashes, 'all')
  }
}
