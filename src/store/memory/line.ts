/**
 * A line: jobs in order of two numbers, the first one taken first.
 *
 * A binary heap. Leaving from the middle only empties the spot; empty spots are dropped
 * when they come to the head, or when they are more than what is left.
 */
import type { Entry } from './entry.ts'

/** Where one job stands in one line. */
export interface Spot {
  readonly line: Line
  readonly first: number
  readonly second: number
  entry: Entry | undefined
}

export class Line {
  #spots: Spot[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(entry: Entry, first: number, second: number): Spot {
    const spot: Spot = { line: this, first, second, entry }
    this.#spots.push(spot)
    this.#size++
    this.#rise(this.#spots.length - 1)
    return spot
  }

  remove(spot: Spot): void {
    if (!spot.entry) return
    spot.entry = undefined
    this.#size--
    if (this.#spots.length > 2 * this.#size + 32) this.#compact()
  }

  peek(): Spot | undefined {
    while (this.#spots[0] && !this.#spots[0].entry) this.#dropHead()
    return this.#spots[0]
  }

  /** The jobs in order; costs a sort, for lines that are short. */
  inOrder(): Entry[] {
    return this.#spots
      .filter(({ entry }) => entry)
      .toSorted(compare)
      .map(({ entry }) => entry!)
  }

  #dropHead() {
    const last = this.#spots.pop()!
    if (this.#spots.length === 0) return
    this.#spots[0] = last
    this.#sink(0)
  }

  #compact() {
    this.#spots = this.#spots.filter(({ entry }) => entry).toSorted(compare)
  }

  #rise(index: number) {
    const spot = this.#spots[index]!
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (compare(this.#spots[parent]!, spot) <= 0) break
      this.#spots[index] = this.#spots[parent]!
      index = parent
    }
    this.#spots[index] = spot
  }

  #sink(index: number) {
    const spot = this.#spots[index]!
    const end = this.#spots.length
    while (true) {
      let child = 2 * index + 1
      if (child >= end) break
      if (child + 1 < end && compare(this.#spots[child + 1]!, this.#spots[child]!) < 0) child++
      if (compare(spot, this.#spots[child]!) <= 0) break
      this.#spots[index] = this.#spots[child]!
      index = child
    }
    this.#spots[index] = spot
  }
}

function compare(a: Spot, b: Spot): number {
  return a.first - b.first || a.second - b.second
}
