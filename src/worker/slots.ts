/** The slots of a group of queues: what runs, what waits to run, and how much more can be taken. */
import type { ClaimedJob, Room } from '../store/store.ts'
import type { SlotGroup } from './options.ts'
import { Pace } from './pace.ts'

/** One job in this many is taken from the bottom of the priorities, so that the lowest never starve. */
const bottomUpShare = 0.1

const takenBeforeDropping = 256

export interface WaitingJob {
  readonly job: ClaimedJob
  readonly claimedAt: number
}

export class Slots {
  readonly group: SlotGroup
  readonly pace: Pace = new Pace()
  /** Claimed, not yet started; the next one is at `#next`, and what stands before it is dropped now and then. */
  #waiting: WaitingJob[] = []
  #next = 0
  #rotation = 0
  #bottomUpDue = 0
  #size: number
  running = 0
  /** Of those running, how many go on past their end and only keep their slot. */
  zombies = 0

  constructor(group: SlotGroup) {
    this.group = group
    this.#size = group.slots
  }

  get free(): number {
    return Math.max(0, this.#size - this.running)
  }

  /** Every slot is held by a run that goes on past its end. */
  get allZombies(): boolean {
    return this.zombies >= this.#size
  }

  resize(slots: number): void {
    this.#size = slots
  }

  holds(id: string): boolean {
    return this.#waiting.some(({ job }, at) => at >= this.#next && job.id === id)
  }

  get waiting(): number {
    return this.#waiting.length - this.#next
  }

  has(queue: string): boolean {
    return this.group.queues.includes(queue)
  }

  add(job: ClaimedJob, claimedAt: number): void {
    this.#waiting.push({ job, claimedAt })
  }

  /** The next job to start, if there is one and a slot for it. */
  take(): ClaimedJob | undefined {
    if (this.free === 0 || this.#next === this.#waiting.length) return undefined
    const { job } = this.#waiting[this.#next++]!
    if (this.#next === this.#waiting.length) this.clear()
    else if (this.#next === takenBeforeDropping) this.#waiting.splice(0, takenBeforeDropping)
    this.#next %= takenBeforeDropping

    return job
  }

  /** Removes and gives those claimed before `moment`. */
  takeLate(moment: number): WaitingJob[] {
    const waiting = this.#waiting.slice(this.#next)
    if (waiting.length === 0 || waiting[0]!.claimedAt >= moment) return []
    this.#waiting = waiting.filter(({ claimedAt }) => claimedAt >= moment)
    this.#next = 0

    return waiting.filter(({ claimedAt }) => claimedAt < moment)
  }

  /** Removes and gives all that wait. */
  clear(): WaitingJob[] {
    const waiting = this.#waiting.slice(this.#next)
    this.#waiting = []
    this.#next = 0

    return waiting
  }

  /** Removes one that waits, by id. */
  drop(id: string): ClaimedJob | undefined {
    const index = this.#waiting.findIndex(({ job }, at) => at >= this.#next && job.id === id)

    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0]!.job
  }

  /** What can be claimed now, at most `limit`. */
  room(limit: number): Room | undefined {
    const jobs = Math.min(limit, this.free + this.pace.ahead(limit)) - this.waiting
    if (jobs <= 0) return undefined
    this.#bottomUpDue += jobs * bottomUpShare
    const bottomUp = Math.floor(this.#bottomUpDue)
    this.#bottomUpDue -= bottomUp

    return { queues: this.#order(), jobs, bottomUp }
  }

  #order(): readonly string[] {
    const { queues, rotate } = this.group
    if (!rotate || queues.length === 1) return queues
    this.#rotation = (this.#rotation + 1) % queues.length

    return [...queues.slice(this.#rotation), ...queues.slice(0, this.#rotation)]
  }
}
