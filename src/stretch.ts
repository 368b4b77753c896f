/**
 * How long this process has worked at a stretch: others live in its event loop too, and want their turn of it.
 *
 * Whoever has much to do asks between its pieces. All who ask share one stretch for each turn of the loop: several
 * that each took their own would hold it as long as all of them together, since what has come in over one socket is
 * handed on without a pause.
 */
import type { Env } from './env.ts'

const longestMs = 4

export class Stretch {
  readonly #env: Env
  /** Those that go on in later turns, the first to ask first. */
  readonly #waiting: (() => void)[] = []
  #until: number | undefined
  /** Whether one of them has gone on within this stretch. */
  #wentOn = false

  constructor(env: Env) {
    this.#env = env
  }

  /** Whether it is time for others, as of now. */
  isOver(now: number = this.#env.monotonic()): boolean {
    if (this.#until !== undefined) return now > this.#until
    this.#until = now + longestMs
    this.#env.soon(() => {
      this.#until = undefined
      this.#wentOn = false
    })
    return false
  }

  /** Calls back in a later turn of the event loop, when there is time for more. */
  next(goOn: () => void): void {
    this.#waiting.push(goOn)
    this.#env.soon(this.#proceed)
  }

  /** The same for whoever awaits it. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.next(resolve))
  }

  /**
   * One for each of those that wait, so that what a promise leads to is done before the next is asked. The first goes on in any case: others
   * may have used up each turn by the time that those who wait are asked.
   */
  readonly #proceed = (): void => {
    if (this.isOver() && this.#wentOn) return this.#env.soon(this.#proceed)
    this.#wentOn = true
    this.#waiting.shift()!()
  }
}
