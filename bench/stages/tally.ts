/** Counts runs of jobs, and lets someone wait for a number of them. */
export class Tally {
  count = 0
  #goal = Infinity
  #reached: () => void = () => {}

  add(): void {
    this.count += 1
    if (this.count === this.#goal) this.#reached()
  }

  /** Resolves when this many more have been counted. One waiter at a time. */
  more(jobs: number): Promise<void> {
    this.#goal = this.count + jobs

    return new Promise((resolve) => {
      this.#reached = resolve
    })
  }
}
