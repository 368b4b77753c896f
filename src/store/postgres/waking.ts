/**
 * Wakes sleeping workers once what brought them work is committed: never two wakings at a time, and none is forgotten.
 *
 * Where somebody of this process sleeps, the work is left to it, and the others are told if it comes back with its hands
 * full. So a process that works on what it enqueues itself asks nobody else, and nobody else looks in vain.
 */
import type { Room } from '../store.ts'
import type { Names } from './names.ts'
import type { News } from './news.ts'
import type { Statements } from './statements.ts'

export class Waking {
  readonly #statements: Statements
  readonly #names: Names
  readonly #news: News
  /** Whose sleepers elsewhere are to be told. */
  readonly #queues = new Set<number>()
  /** Left to those who slept here, until they have looked. */
  readonly #left = new Set<number>()
  #going: Promise<void> | undefined

  constructor(parts: { statements: Statements; names: Names; news: News }) {
    this.#statements = parts.statements
    this.#names = parts.names
    this.#news = parts.news
  }

  /** Somebody sleeps in this process who takes from this queue. */
  isAwaitedHere(queue: string): boolean {
    return this.#news.isAwaited(queue)
  }

  /** Workers that are not told look by themselves within a second, so a failure here is nobody's. */
  readonly wake = (queues: readonly number[]): void => {
    for (const queue of queues) {
      if (this.#here(queue)) this.#left.add(queue)
      else this.#queues.add(queue)
    }
    this.#start()
  }

  /** Where the server has told the others by itself. */
  readonly wakeHere = (queues: readonly number[]): void => {
    for (const queue of queues) this.#here(queue)
  }

  /** A worker of this process has looked into these queues. `more`: it could not take all, or nobody knows. */
  looked(rooms: readonly Room[], more: boolean): void {
    if (this.#left.size === 0) return
    for (const name of rooms.flatMap(({ queues }) => queues)) {
      const queue = this.#names.queueNo(name)
      if (this.#left.delete(queue) && more) this.#queues.add(queue)
    }
    this.#start()
  }

  async idle(): Promise<void> {
    while (this.#going) await this.#going
  }

  /** Wakes those of this process, and says whether anybody slept. */
  #here(queue: number): boolean {
    return this.#news.arrived(this.#names.queue(queue) ?? '')
  }

  #start(): void {
    if (this.#queues.size > 0) this.#going ??= this.#go()
  }

  async #go(): Promise<void> {
    while (this.#queues.size > 0) {
      const queues = [...this.#queues]
      this.#queues.clear()
      await this.#statements.all('select errand.wake($1)', [queues], { name: 'errand_wake' }).catch(() => {})
    }
    this.#going = undefined
  }
}
