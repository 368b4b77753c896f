/** Limits as they stand in the store: looked at, and changed while workers run. */
import { InvalidOptionError } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { LimitRecord, LimitValue } from '../store/store.ts'
import { checkConcurrency } from '../task/limits.ts'
import { resolveRate, type RateValue } from '../task/rate.ts'

/** A limit as it stands in the store. */
export interface LimitInfo {
  /** `<task>`, `<task>:<key>` or `queue:<queue>`. */
  readonly name: string
  /** Jobs that may run at once. */
  readonly concurrency?: number
  /** Jobs that hold one of these places: running, or about to. */
  readonly taken?: number
  /** Jobs that wait for one. */
  readonly waiting?: number
  /** So many starts within `per` milliseconds. */
  readonly rate?: { readonly starts: number; readonly per: number }
  /** Jobs that may start now, as far as the rate goes. */
  readonly free?: number
  /** For how many milliseconds still `RetryAfter` has closed it. */
  readonly closedForMs?: number
  /** It was set by hand, and what the code says counts for nothing until it is reset. */
  readonly pinned: boolean
}

/** One page of limits. */
export interface LimitsPage {
  readonly limits: LimitInfo[]
  /** Hand it back for the next page. Left out on the last. */
  readonly cursor?: string
}

/** Which limits. */
export interface LimitsQuery {
  /** Names that begin so: a task's with all its keys. */
  prefix?: string
  /** @default 100, at most 500 */
  limit?: number
  /** Of the page before. */
  cursor?: string
}

/** What a limit is set to. */
export interface NewLimit {
  /** Jobs that may run at once. */
  concurrency?: number
  /** Starts within any such time: `'100/m'`. */
  rate?: RateValue
}

const mostPerPage = 500
const longestName = 500

/** The limits of the store: see `errand.limits`. */
export class Limits {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Limits that a job names, or that were set by hand, in the order of their names. */
  async list(query: LimitsQuery = {}): Promise<LimitsPage> {
    checkOptions(query, ['prefix', 'limit', 'cursor'], 'the query of limits')
    const { prefix, limit = 100, cursor } = query
    if (!Number.isInteger(limit) || limit < 1 || limit > mostPerPage) {
      throw new InvalidOptionError('`limit` of the query of limits', limit, `a whole number from 1 to ${mostPerPage}`)
    }
    const store = await this.#runtime.open()
    const records = await store.listLimits({
      limit,
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== undefined && { after: cursor }),
    })
    const last = records.length === limit ? records.at(-1)!.name : undefined

    return { limits: records.map(infoOf), ...(last !== undefined && { cursor: last }) }
  }

  /**
   * Sets a limit for jobs that wait and jobs to come, in all workers, until it is reset: what the code says does not change it
   * meanwhile. What is left out stays.
   *
   * @throws InvalidOptionError, UnknownOptionError
   */
  async set(name: string, limit: NewLimit): Promise<void> {
    checkLimitName(name)
    const value = valueOf(name, limit)
    await (await this.#runtime.open()).limit(name, value)
  }

  /** Lets the code's value hold again, from the next job that is enqueued. */
  async reset(name: string): Promise<void> {
    checkLimitName(name)
    await (await this.#runtime.open()).limit(name, 'unpinned')
  }
}

function checkLimitName(name: unknown): void {
  if (typeof name === 'string' && name !== '' && name.length <= longestName) return

  throw new InvalidOptionError(
    'the name of a limit',
    name,
    'a task, a task with a key such as "call-api:acme", or "queue:email"',
  )
}

function valueOf(name: string, limit: NewLimit): LimitValue {
  const where = `the limit "${name}"`
  checkOptions(limit, ['concurrency', 'rate'], where)
  const { concurrency, rate } = limit
  if (concurrency === undefined && rate === undefined) {
    throw new InvalidOptionError(where, limit, 'given `concurrency`, `rate`, or both')
  }
  return {
    ...(concurrency !== undefined && { slots: checkConcurrency(concurrency, `\`concurrency\` of ${where}`) }),
    ...(rate !== undefined && resolveRate(rate, `\`rate\` of ${where}`)),
  }
}

function infoOf({ name, slots, taken, waiting, tokens, perMs, free, closedForMs, pinned }: LimitRecord): LimitInfo {
  return {
    name,
    ...(slots !== undefined && { concurrency: slots }),
    ...(taken !== undefined && { taken }),
    ...(waiting !== undefined && { waiting }),
    ...(tokens !== undefined && perMs !== undefined && { rate: { starts: tokens, per: perMs } }),
    ...(free !== undefined && { free }),
    ...(closedForMs !== undefined && { closedForMs }),
    pinned,
  }
}
