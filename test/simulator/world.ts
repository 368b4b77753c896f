/**
 * The world of one history: virtual time, what is going to happen, and what has.
 *
 * Everything happens in events, one after another. Between two of them every promise that can go on does,
 * and the event loop itself never turns: neither timers nor the system have a word in a history, so the
 * same seed gives the same one. Two events of the same moment keep the order in which they were planned.
 */
import type { Timer } from '../../src/env.ts'
import type { Actor } from './actor.ts'
import { Dice } from './dice.ts'

interface Planned {
  at: number
  order: number
  readonly actor: Actor | undefined
  /** Undefined once it was cancelled. */
  happen: (() => void) | undefined
}

/** A promise that was not kept. `promise` is its number on the page of promises. */
export interface Violation {
  readonly promise: string
  readonly what: string
  readonly at: number
}

export class World {
  readonly dice: Dice
  /** Set where people read along: every line costs. */
  readonly listen: ((line: string) => void) | undefined
  monotonic = 1_000_000
  phase: 'safety' | 'liveness' = 'safety'
  violation: Violation | undefined
  /** Whose call the store is carrying out. */
  caller: Actor | undefined
  /** The latest that the wall clock has ever shown. */
  latestWall: number
  #wallAhead = Date.UTC(2026, 0, 1) - 1_000_000
  #planned: Planned[] = []
  #order = 0
  #hash = 0x811c9dc5
  #ids = 0

  constructor(seed: number, listen?: (line: string) => void) {
    this.dice = new Dice(seed)
    this.listen = listen
    this.latestWall = this.wall()
  }

  wall(): number {
    return Math.floor(this.monotonic + this.#wallAhead)
  }

  /** An administrator sets the clock. */
  jump(ms: number): void {
    this.#wallAhead += ms
    this.latestWall = Math.max(this.latestWall, this.wall())
  }

  id(): string {
    return `00000000-0000-7000-8000-${String(++this.#ids).padStart(12, '0')}`
  }

  /** Lets something happen `ms` from now. What belongs to an actor does not happen once it is dead, and late while it is frozen. */
  plan(ms: number, actor: Actor | undefined, happen: () => void): Timer {
    const planned: Planned = { at: this.monotonic + Math.max(0, ms), order: this.#order++, actor, happen }
    push(this.#planned, planned)
    return { cancel: () => (planned.happen = undefined) }
  }

  /** Goes on until `done`, but at most `ms`. False if it was not done by then. */
  async goOn(ms: number, done: () => boolean): Promise<boolean> {
    const until = this.monotonic + ms
    await this.#settle()
    while (!this.violation) {
      if (done()) return true
      const next = this.#planned[0]
      if (!next || next.at > until) {
        this.#moveTo(until)
        return false
      }
      pop(this.#planned)
      if (next.happen && this.#happens(next)) await this.#settle()
    }
    return false
  }

  /** Part of the history: the same seed must give the same sequence of these. */
  trace(what: string, who = ''): void {
    let hash = this.#hash
    for (let at = 0; at < what.length; at++) hash = Math.imul(hash ^ what.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ (this.monotonic * 1000), 0x01000193)
    this.#hash = Math.imul(hash ^ who.length, 0x01000193)
    this.listen?.(`${((this.monotonic - 1_000_000) / 1000).toFixed(3).padStart(9)} ${who.padEnd(14)} ${what}`)
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** The first one counts: what follows may only follow from it. */
  violate(promise: string, what: string): void {
    if (this.violation) return
    this.violation = { promise, what, at: this.monotonic }
    this.trace(`VIOLATION ${promise}: ${what}`, 'checker')
  }

  #happens(next: Planned): boolean {
    const { actor, happen, at } = next
    if (actor?.dead) return false
    this.#moveTo(Math.max(at, this.monotonic))
    if (actor && actor.frozenUntil > this.monotonic) {
      // What came while it was frozen comes in its order when it is not.
      next.at = actor.frozenUntil
      next.order = this.#order++
      push(this.#planned, next)
      return false
    }
    try {
      happen!()
    } catch (error) {
      // An actor that dies in a callback of a timer throws out of it.
      if (!(error instanceof Died)) throw error
    }
    return true
  }

  #moveTo(moment: number): void {
    this.monotonic = moment
    const wall = this.wall()
    if (wall > this.latestWall) this.latestWall = wall
  }

  /** Resolves when no promise can go on any more: the queue of ticks comes after that of promises is empty. */
  #settle(): Promise<void> {
    return new Promise((resolve) => process.nextTick(resolve))
  }
}

/** Thrown where an actor dies, so that nothing of what it was about to do happens. */
export class Died extends Error {}

function before(one: Planned, other: Planned): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

/** A binary heap, the next to happen first. */
function push(heap: Planned[], planned: Planned): void {
  let at = heap.length
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!before(planned, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = planned
}

function pop(heap: Planned[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
}
