/**
 * Pace: how many jobs a worker may hold beyond its free slots.
 *
 * By time, not by count: it holds what it will have started within some 20 ms, so quick
 * jobs come in hundreds and slow ones one at a time. The rate forgets within a tenth of
 * a second, so that a run of slow jobs does not keep what others could start.
 *
 * Where turns go beside each other, what will be started while the store answers is asked for as well: otherwise a
 * store that needs as long for an answer as the worker for its jobs would be asked only once they are done.
 */
const heldForMs = 20
const forgetMs = 100
/** A store that is slower for once must not make the worker hold what others could start. */
const longestAnswerMs = 40

export class Pace {
  #perMs = 0
  #answerMs = 0

  /** How long turns are under way, of late. */
  get answerMs(): number {
    return this.#answerMs
  }

  /**
   * Tells that `ended` jobs ended within the last `elapsedMs`, in which there were some to run: were the wait for the store counted, a slow
   * answer would make the worker ask for less, and wait again.
   */
  record(ended: number, elapsedMs: number): void {
    if (elapsedMs <= 0) return
    const weight = 1 - Math.exp(-elapsedMs / forgetMs)

    // A first measure counts whole: most workers meet a full queue when they start.
    this.#perMs = this.#perMs === 0 ? ended / elapsedMs : this.#perMs + (ended / elapsedMs - this.#perMs) * weight
  }

  /** Tells how long a turn was under way. */
  answered(ms: number): void {
    this.#answerMs += (Math.min(longestAnswerMs, ms) - this.#answerMs) / 4
  }

  /** Jobs worth holding, at most `limit`; with those that are asked for, if turns go beside each other. */
  ahead(limit: number, beside = false): number {
    return Math.min(limit, Math.floor(this.#perMs * (heldForMs + (beside ? this.#answerMs : 0))))
  }
}
