/** When a failed job runs again: plain functions over values, chance passed in. */
import { durationMs, type Duration } from './duration.ts'
import { Fatal, InvalidOptionError, RetryAfter } from './errors.ts'
import { checkOptions } from './options.ts'

type ErrorClass = abstract new (...args: never[]) => Error
type ErrorMatch = ErrorClass | readonly ErrorClass[] | ((error: unknown) => boolean)

/** When and how often a failed job is tried again. */
export interface RetryOptions {
  /** How often the job is tried in all. @default 3 */
  attempts?: number
  /**
   * How the delay grows: always `first`; `first` times the attempt; doubled with each attempt; or your own
   * function of the attempt that failed and its error. @default 'exponential'
   */
  backoff?: 'fixed' | 'linear' | 'exponential' | ((attempt: number, error: unknown) => Duration)
  /** The delay after the first attempt. @default '1s' */
  first?: Duration
  /** No delay is longer. @default '1h' */
  max?: Duration
  /** Each delay is moved at random by up to this share of it, so that jobs that failed together come back apart. @default 0.2 */
  jitter?: number
  /** Only these errors are tried again: classes, or a function that says so. @default all */
  on?: ErrorMatch
  /** These errors are never tried again. @default none */
  except?: ErrorMatch
}

/** Retry options as resolved: every field there, durations in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number
  readonly backoff: 'fixed' | 'linear' | 'exponential' | ((attempt: number, error: unknown) => Duration)
  readonly firstMs: number
  readonly maxMs: number
  readonly jitter: number
  readonly retriable: (error: unknown) => boolean
}

/** What holds where `RetryOptions` say nothing. */
export const retryDefaults = { attempts: 3, backoff: 'exponential', first: '1s', max: '1h', jitter: 0.2 } as const

const backoffs = ['fixed', 'linear', 'exponential']
const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && (value === Error || value.prototype instanceof Error)

function matcher(match: ErrorMatch, where: string): (error: unknown) => boolean {
  if (Array.isArray(match) && match.every(isErrorClass)) return (error) => match.some((one) => error instanceof one)
  if (typeof match !== 'function')
    throw new InvalidOptionError(where, match, 'an error class, an array of them, or a function')
  if (isErrorClass(match)) return (error) => error instanceof match

  return match as (error: unknown) => boolean
}

/**
 * The policy of a task's `retry` option: a number of attempts, `false` for one attempt, or options.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function retryPolicy(option: number | false | RetryOptions | undefined, where: string): RetryPolicy {
  const given: RetryOptions =
    option === undefined
      ? {}
      : option === false
        ? { attempts: 1 }
        : typeof option === 'number'
          ? { attempts: option }
          : option
  checkOptions(given, ['attempts', 'backoff', 'first', 'max', 'jitter', 'on', 'except'], `\`retry\` of ${where}`)
  const { attempts, backoff, first, max, jitter } = { ...retryDefaults, ...given }

  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new InvalidOptionError(`\`retry.attempts\` of ${where}`, attempts, 'a whole number of at least 1')
  }
  if (typeof backoff !== 'function' && !backoffs.includes(backoff)) {
    throw new InvalidOptionError(
      `\`retry.backoff\` of ${where}`,
      backoff,
      "'fixed', 'linear', 'exponential' or a function",
    )
  }
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) {
    throw new InvalidOptionError(`\`retry.jitter\` of ${where}`, jitter, 'a number from 0 to 1')
  }
  const on = given.on === undefined ? () => true : matcher(given.on, `\`retry.on\` of ${where}`)
  const except = given.except === undefined ? () => false : matcher(given.except, `\`retry.except\` of ${where}`)

  return {
    attempts,
    backoff,
    firstMs: durationMs(first, `\`retry.first\` of ${where}`),
    maxMs: durationMs(max, `\`retry.max\` of ${where}`),
    jitter,
    retriable: (error) => on(error) && !except(error),
  }
}

function baseDelayMs(attempt: number, policy: RetryPolicy, error: unknown): number {
  if (typeof policy.backoff === 'function')
    return durationMs(policy.backoff(attempt, error), 'what `retry.backoff` returns')
  if (policy.backoff === 'fixed') return policy.firstMs
  if (policy.backoff === 'linear') return policy.firstMs * attempt

  return policy.firstMs * 2 ** Math.min(attempt - 1, 100)
}

/**
 * Milliseconds to wait after `attempt` (1 is the first) failed. `RetryAfter` says its own delay, unspread and uncapped;
 * all else is capped first and spread then, so `max` may be passed by the jitter.
 */
export function retryDelayMs(attempt: number, policy: RetryPolicy, error: unknown, random: () => number): number {
  if (error instanceof RetryAfter) return durationMs(error.delay, 'the delay of `RetryAfter`')
  const base = Math.min(baseDelayMs(attempt, policy, error), policy.maxMs)

  return Math.max(0, Math.round(base + base * policy.jitter * (random() * 2 - 1)))
}

/** Whether a job that threw `error` in `attempt` is tried again. `RetryAfter` is, whatever `on` and `except` say. */
export function isTriedAgain(attempt: number, policy: RetryPolicy, error: unknown): boolean {
  if (attempt >= policy.attempts || error instanceof Fatal) return false

  return error instanceof RetryAfter || policy.retriable(error)
}
