/** How many event streams each account holds open, and the most it may. */
export class OpenStreams {
  readonly #most: number
  readonly #open = new Map<number, number>()

  constructor(most: number) {
    this.#most = most
  }

  mayOpen(userId: number): boolean {
    return (this.#open.get(userId) ?? 0) < this.#most
  }

  /** Counts one, until the function it gives is called. */
  open(userId: number): () => void {
    this.#open.set(userId, (this.#open.get(userId) ?? 0) + 1)

    return () => {
      const left = this.#open.get(userId)! - 1
      if (left > 0) this.#open.set(userId, left)
      else this.#open.delete(userId)
    }
  }
}
