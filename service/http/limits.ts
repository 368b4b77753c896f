/** How often callers may ask, and how many bytes they may send. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { Problem, retryAfter } from './problem.ts'
import type { AppEnv } from './router.ts'
import { TokenBuckets, type Limit } from './token-buckets.ts'

export interface RateLimits {
  /** Requests of one account, all routes together. */
  readonly requests: Limit
  /** E-mails of one account. */
  readonly emails: Limit
  /** Uploads of one account. */
  readonly uploads: Limit
  /** Registrations and password resets from one address. */
  readonly registrations: Limit
  /** E-mails that strangers can have sent to one address, by registering it or asking for its reset. */
  readonly unasked: Limit
  /** Log-ins for one account from one address; those that succeed do not count. */
  readonly logInsByPair: Limit
  /** Log-ins for one account from anywhere, likewise. */
  readonly logInsByAccount: Limit
  /** Log-ins from one address, likewise. */
  readonly logInsByAddress: Limit
  /** Passwords checked or hashed in all: what keeps guessing from slowing the jobs. */
  readonly hashes: Limit
}

const seconds = 1_000
const minutes = 60 * seconds

export const rateLimits: RateLimits = {
  requests: { burst: 600, refillMs: 20 },
  emails: { burst: 200, refillMs: 1 * seconds },
  uploads: { burst: 30, refillMs: 10 * seconds },
  registrations: { burst: 60, refillMs: 3 * seconds },
  unasked: { burst: 10, refillMs: 5 * minutes },
  logInsByPair: { burst: 10, refillMs: 30 * seconds },
  logInsByAccount: { burst: 50, refillMs: 1 * minutes },
  logInsByAddress: { burst: 100, refillMs: 5 * seconds },
  hashes: { burst: 100, refillMs: 200 },
}

/** Throws the problem that says how long to wait, if the bucket of this key is empty. */
export function takeOrRefuse(buckets: TokenBuckets, key: string): void {
  const waitMs = buckets.take(key)
  if (waitMs > 0) throw tooMany(waitMs)
}

export function tooMany(waitMs: number): Problem {
  return new Problem('too-many-requests', 'There were too many requests of this kind.', { headers: retryAfter(waitMs) })
}

/** Limits a route for the account that calls it. */
export function limitedPerUser(limit: Limit, now: () => number): MiddlewareHandler<AppEnv> {
  const buckets = new TokenBuckets(limit, now)

  return async (c, next) => {
    takeOrRefuse(buckets, String(c.get('caller').userId))
    await next()
  }
}

/** Bytes of a body that is read whole. Uploads are streamed, and have a limit of their own. */
const bodyBytes = 1024 * 1024

export function limitedBody(): MiddlewareHandler<AppEnv> {
  return bodyLimit({
    maxSize: bodyBytes,
    onError: () => {
      throw new Problem('too-large', `The body is larger than the ${bodyBytes} bytes that are taken here.`)
    },
  })
}
