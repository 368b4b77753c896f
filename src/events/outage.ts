/**
 * Whether the store answers, as those find out who ask it again and again: a worker's turns, upkeep, the beat. Said once
 * when it goes away and once when it is back; every try that fails is an `error` besides. Whatever the error: who is
 * refused, or meets a fault of the store's own, gets as little done as one whose server is away.
 */
import { sleep, type Env } from '../env.ts'
import { mayPass } from '../errors.ts'
import type { Bus } from './bus.ts'

const [firstWaitMs, longestWaitMs] = [50, 1_000]

export class Outage {
  readonly #env: Env
  readonly #bus: Bus
  /** Who has failed and not been answered since. */
  readonly #failing = new Set<string>()
  /** When it last answered anybody: a call may wait for a while before it fails. */
  #answeredAt: number | undefined
  #since = 0

  constructor(env: Env, bus: Bus) {
    this.#env = env
    this.#bus = bus
  }

  /** What was `asked` has failed, and will be asked again. */
  failed(asked: string, error: unknown): void {
    if (!isOwnEnd(error)) this.#begin(asked, error)
    this.#bus.emit('error', { error, during: asked })
  }

  answered(asked: string): void {
    const now = this.#env.monotonic()
    this.#answeredAt = now
    if (this.#failing.delete(asked) && this.#failing.size === 0) {
      this.#bus.emit('store back', { awayMs: now - this.#since })
    }
  }

  /** Asks until there is an answer. @throws what does not pass by itself, and the signal's reason */
  async persist<T>(asked: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs)) {
      try {
        const answer = await ask()
        this.answered(asked)
        return answer
      } catch (error) {
        if (!mayPass(error)) throw error
        this.failed(asked, error)
        await sleep(this.#env, waitMs, signal)
      }
    }
  }

  /** Nobody will ask this again. */
  over(asked: string): void {
    this.#failing.delete(asked)
  }

  #begin(asked: string, error: unknown): void {
    const first = this.#failing.size === 0
    this.#failing.add(asked)
    if (!first) return
    this.#since = this.#answeredAt ?? this.#env.monotonic()
    this.#bus.emit('store away', { error, during: asked })
  }
}

/** The store was closed by this process. By code, since it may come from another copy of Errand. */
const isOwnEnd = (error: unknown) => (error as { code?: unknown } | undefined)?.code === 'STORE_CLOSED'
