/**
 * Waiting for the ends of many jobs with few calls to the store.
 *
 * Those asked about within one stretch of code wait in one call, and small groups are joined to the next. A store answers
 * as soon as one of a group has ended, and is then asked about the others again: after a rest that grows with their
 * number, so that many that end one by one do not keep it busy with being asked.
 */
import type { Env } from '../env.ts'
import type { SettledJob, Store } from '../store/store.ts'

/** One wait at the store lasts no longer, so that a lost wake-up delays and never hangs. */
const longestWaitMs = 30_000
const idsPerGroup = 50
const restMsPerId = 0.1

interface Waiter {
  readonly id: string
  readonly done: (settled: SettledJob) => void
  readonly failed: (error: unknown) => void
}

interface Group {
  readonly waiters: Set<Waiter>
  readonly controller: AbortController
}

export class Awaiting {
  readonly #env: Env
  readonly #groups = new Set<Group>()
  #arrived: Waiter[] = []

  constructor(env: Env) {
    this.#env = env
  }

  /** Resolves when the job is final, or not there. Rejects with the signal's reason when it is aborted before. */
  settled(store: Store, id: string, signal: AbortSignal): Promise<SettledJob> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = () => {
        this.#forget(waiter)
        reject(signal.reason)
      }
      const leave = () => signal.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        id,
        done: (settled) => (leave(), resolve(settled)),
        failed: (error) => (leave(), reject(error)),
      }
      signal.addEventListener('abort', onAbort, { once: true })
      if (this.#arrived.push(waiter) === 1) void Promise.resolve().then(() => this.#group(store))
    })
  }

  #group(store: Store): void {
    const waiters = this.#arrived
    this.#arrived = []
    // The smaller first, as in a sum of powers of two: however they come, there are few groups.
    for (const group of [...this.#groups].sort((one, other) => one.waiters.size - other.waiters.size)) {
      if (group.waiters.size > waiters.length || group.waiters.size + waiters.length > idsPerGroup) continue
      waiters.push(...group.waiters)
      group.waiters.clear()
      group.controller.abort(joined)
    }
    for (let from = 0; from < waiters.length; from += idsPerGroup)
      void this.#wait(store, waiters.slice(from, from + idsPerGroup))
  }

  async #wait(store: Store, waiters: readonly Waiter[]): Promise<void> {
    const group: Group = { waiters: new Set(waiters), controller: new AbortController() }
    this.#groups.add(group)
    try {
      while (group.waiters.size > 0) await this.#ask(store, group)
    } catch (error) {
      for (const { failed } of group.waiters) failed(error)
    } finally {
      this.#groups.delete(group)
    }
  }

  async #ask(store: Store, { waiters, controller }: Group): Promise<void> {
    const ids = [...new Set(Array.from(waiters, ({ id }) => id))]
    const settled = new Map((await store.settled(ids, longestWaitMs, controller.signal)).map((job) => [job.id, job]))
    for (const waiter of waiters) {
      const job = settled.get(waiter.id)
      if (!job) continue
      waiters.delete(waiter)
      waiter.done(job)
    }
    const restMs = Math.floor(waiters.size * restMsPerId)
    if (settled.size > 0 && restMs > 0) await new Promise<void>((resolve) => this.#env.after(restMs, resolve))
  }

  #forget(waiter: Waiter): void {
    this.#arrived = this.#arrived.filter((each) => each !== waiter)
    for (const { waiters, controller } of this.#groups)
      if (waiters.delete(waiter) && waiters.size === 0) controller.abort(joined)
  }
}

/** A reason of its own: the default one is an error with a stack, made each time. */
const joined = 'nobody waits in this call any more'
