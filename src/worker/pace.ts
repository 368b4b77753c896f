/**
 * Pace: how many jobs a worker may hold beyond its free slots.
 *
 * By time, not by count: it holds what it will have started within some 20 ms, so quick
 * jobs come in hundreds and slow ones one at a time. The rate forgets within a tenth of
 * a second, so that a run of slow jobs does not keep what others could start.
 */
const heldForMs = 20
const forgetMs = 100

export class Pace {
  #perMs = 0

  /** Tells that `ended` jobs ended within the last `elapsedMs`. */
  record(ended: number, elapsedMs: number): void {
    if (elapsedMs <= 0) return
    const weight = 1 - Math.exp(-elapsedMs / forgetMs)

    // A first measure counts whole: most workers meet a full queue when they start.
    this.#perMs = this.#perMs === 0 ? ended / elapsedMs : this.#perMs + (ended / elapsedMs - this.#perMs) * weight
  }

  /** Jobs worth holding, at most `limit`. */
  ahead(limit: number): number {
    return Math.min(limit, Math.floor(this.#perMs * heldForMs))
  }
}
