import { sleep, type Env } from '../env.ts'
import { mayPass } from '../errors.ts'

const firstMs = 50
const longestMs = 2_000
const patienceMs = 60_000

/**
 * Repeats a call that did not happen, or of which nobody knows whether it did: every call of a move may be repeated.
 * Gives up after a minute without an answer, and at once on anything else.
 */
export async function patiently<T>(env: Env, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const began = env.monotonic()
  for (let waitMs = firstMs; ; waitMs = Math.min(2 * waitMs, longestMs)) {
    try {
      return await call()
    } catch (error) {
      if (signal.aborted || !mayPass(error) || env.monotonic() - began > patienceMs) throw error
      await sleep(env, waitMs, signal)
    }
  }
}
