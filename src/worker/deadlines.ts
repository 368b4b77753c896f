/** Many deadlines on one timer. They are met up to 10 ms late. */
import type { Env, Timer } from '../env.ts'

const bucketMs = 10

export class Deadlines<Item> {
  readonly #env: Env
  readonly #passed: (item: Item) => void
  readonly #buckets = new Map<number, Set<Item>>()
  #timer: Timer | undefined
  #timerFor = Infinity

  constructor(env: Env, passed: (item: Item) => void) {
    this.#env = env
    this.#passed = passed
  }

  /** Sets a deadline; the number it gives is for taking it back. */
  add(item: Item, inMs: number): number {
    const bucket = Math.ceil((this.#env.monotonic() + inMs) / bucketMs)
    const items = this.#buckets.get(bucket)
    if (items) items.add(item)
    else this.#buckets.set(bucket, new Set([item]))
    if (bucket < this.#timerFor) this.#wait(bucket)

    return bucket
  }

  remove(item: Item, bucket: number): void {
    const items = this.#buckets.get(bucket)
    items?.delete(item)
    if (items?.size === 0) this.#buckets.delete(bucket)
  }

  #wait(bucket: number): void {
    this.#timer?.cancel()
    this.#timerFor = bucket
    this.#timer = this.#env.after(Math.max(0, bucket * bucketMs - this.#env.monotonic()), () => this.#look())
  }

  #look(): void {
    const now = Math.floor(this.#env.monotonic() / bucketMs)
    const passed = [...this.#buckets.keys()].filter((bucket) => bucket <= now)
    this.#timerFor = Infinity

    for (const bucket of passed) {
      const items = this.#buckets.get(bucket)!
      this.#buckets.delete(bucket)
      for (const item of items) this.#passed(item)
    }
    if (this.#buckets.size > 0) this.#wait(Math.min(...this.#buckets.keys()))
  }
}
