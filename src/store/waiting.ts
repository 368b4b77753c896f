/** Waiting to hear: for so long, and under the names of what is waited for. */
import type { Env } from '../env.ts'

interface Patience<T> {
  readonly ms: number
  readonly signal: AbortSignal
  /** What it comes to when time is up or the signal is aborted. */
  readonly otherwise: T
}

/** Resolves with what it is woken with. `listen` says who wakes it, and answers how to forget it. */
export function waitToHear<T>(
  env: Env,
  { ms, signal, otherwise }: Patience<T>,
  listen: (wake: (why: T) => void, fail: (error: unknown) => void) => () => void,
): Promise<T> {
  if (signal.aborted || ms <= 0) return Promise.resolve(otherwise)

  return new Promise((resolve, reject) => {
    const end = () => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      forget()
    }
    const wake = (why: T) => {
      end()
      resolve(why)
    }
    const fail = (error: unknown) => {
      end()
      reject(error as Error)
    }
    const onAbort = () => wake(otherwise)
    const timer = env.after(ms, onAbort)
    const forget = listen(wake, fail)
    signal.addEventListener('abort', onAbort)
  })
}

/** Functions to call, each under the names that its owner waits for. */
export class Waiters<Name, Call extends (...news: never[]) => void = () => void> {
  readonly #calls = new Map<Name, Set<Call>>()

  get names(): Name[] {
    return [...this.#calls.keys()]
  }

  /** Answers how to forget it. */
  add(names: readonly Name[], call: Call): () => void {
    for (const name of names) this.#calls.set(name, (this.#calls.get(name) ?? new Set()).add(call))

    return () => {
      for (const name of names) this.#forget(name, call)
    }
  }

  tell(name: Name, ...news: Parameters<Call>): void {
    for (const call of this.#calls.get(name) ?? []) call(...news)
  }

  tellAll(...news: Parameters<Call>): void {
    for (const name of this.#calls.keys()) this.tell(name, ...news)
  }

  #forget(name: Name, call: Call): void {
    const calls = this.#calls.get(name)
    calls?.delete(call)
    if (calls?.size === 0) this.#calls.delete(name)
  }
}
