/** The slots of a group of queues: what runs, what waits to run, and how much more can be taken. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClaimedJob, Room } from '../store/store.ts'
import type { SlotGroup } from './options.ts'
import { Pace } from './pace.ts'

/** One job in this many is taken from the bottom of the priorities, so that the lowest never starve. */
const bottomUpShare = 0.1

/** What was claimed together. */
interface Batch {
  /** What has been started is let go of. */
  readonly jobs: (ClaimedJob | undefined)[]
  readonly claimedAt: number
  /** Where the next one to start stands. */
  next: number
}

export class Slots {
  readonly group: SlotGroup
  readonly pace: Pace = new Pace()
  /** Claimed, not yet started; the earliest first. */
  #batches: Batch[] = []
  /** Those that start together with one that waits, by its id: they need no slots of their own. */
  readonly #companions = new Map<string, ClaimedJob[]>()
  #outside: ReturnType<typeof AsyncLocalStorage.snapshot> | undefined
  #rotation = 0
  #bottomUpDue = 0
  #size: number
  #measuredAt: number
  /** Since then: how long there was nothing to run for want of the store's answer. */
  #starvedMs = 0
  waiting = 0
  running = 0
  /** Of those running, how many go on past their end and only keep their slot. */
  zombies = 0
  /** How many have ended since the pace was last measured. */
  ended = 0
  /** When the latest one ended. */
  endedAt: number
  /** How many were asked for by turns that are under way. */
  asked = 0

  constructor(group: SlotGroup, now: number) {
    this.group = group
    this.#size = group.slots
    this.#measuredAt = now
    this.endedAt = now
  }

  /** Calls something in the context that the worker was started in, and of none of its jobs. */
  get outside(): ReturnType<typeof AsyncLocalStorage.snapshot> {
    return (this.#outside ??= AsyncLocalStorage.snapshot())
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
    const isIt = (job: ClaimedJob | undefined) => job?.id === id

    return (
      this.#batches.some(({ jobs }) => jobs.some(isIt)) || this.#companions.values().some((jobs) => jobs.some(isIt))
    )
  }

  has(queue: string): boolean {
    return this.group.queues.includes(queue)
  }

  add(jobs: readonly ClaimedJob[], claimedAt: number): void {
    if (this.waiting + this.running === 0) this.#starvedMs += Math.min(claimedAt - this.endedAt, this.pace.answerMs)
    const units = jobs.some(({ leader }) => leader !== undefined) ? this.#grouped(jobs) : [...jobs]
    this.#batches.push({ jobs: units, claimedAt, next: 0 })
    this.waiting += units.length
  }

  /** Each by itself, whatever they were claimed as. */
  addApart(jobs: readonly ClaimedJob[], claimedAt: number): void {
    this.#batches.push({ jobs: [...jobs], claimedAt, next: 0 })
    this.waiting += jobs.length
  }

  /** One of each group stands for it, mostly its leader. */
  #grouped(jobs: readonly ClaimedJob[]): ClaimedJob[] {
    const firsts = new Map<string, ClaimedJob>()

    return jobs.filter((job) => {
      const first = job.leader === undefined ? undefined : firsts.get(job.leader)
      if (first) this.#companions.get(first.id)!.push(job)
      else if (job.leader !== undefined) {
        firsts.set(job.leader, job)
        this.#companions.set(job.id, [])
      }
      return !first
    })
  }

  hasCompanions({ id, leader }: ClaimedJob): boolean {
    return leader !== undefined && this.#companions.get(id)?.length !== undefined
  }

  /** Gives those that start together with a job that was taken. */
  companions(job: ClaimedJob): readonly ClaimedJob[] {
    const jobs = this.#companions.get(job.id) ?? []
    this.#companions.delete(job.id)

    return jobs
  }

  /** The next job to start. Ask only while some wait. */
  take(): ClaimedJob {
    const batch = this.#batches[0]!
    const job = batch.jobs[batch.next]!
    batch.jobs[batch.next++] = undefined
    if (batch.next === batch.jobs.length) this.#batches.shift()
    this.waiting--

    return job
  }

  /** Removes and gives those claimed before `moment`. */
  takeLate(moment: number): ClaimedJob[] {
    const late: Batch[] = []
    while (this.#batches.length > 0 && this.#batches[0]!.claimedAt < moment) late.push(this.#batches.shift()!)

    return this.#removed(late)
  }

  /** Removes and gives all that wait. */
  clear(): ClaimedJob[] {
    const all = this.#batches
    this.#batches = []

    return this.#removed(all)
  }

  #removed(batches: readonly Batch[]): ClaimedJob[] {
    const jobs = batches.flatMap(({ jobs: all }) => all.filter((job) => job !== undefined))
    this.waiting -= jobs.length
    if (this.#companions.size === 0) return jobs

    return jobs.flatMap((job) => [job, ...this.companions(job)])
  }

  /** Removes one that waits, by id. */
  drop(id: string): ClaimedJob | undefined {
    for (const [index, { jobs, next }] of this.#batches.entries()) {
      const at = jobs.findIndex((job) => job?.id === id)
      if (at < 0) continue

      const dropped = jobs[at]!
      const [following, ...others] = this.companions(dropped)
      if (following) {
        jobs[at] = following
        this.#companions.set(following.id, others)
        return dropped
      }
      jobs.splice(at, 1)
      if (next === jobs.length) this.#batches.splice(index, 1)
      this.waiting--
      return dropped
    }
    return this.#dropCompanion(id)
  }

  #dropCompanion(id: string): ClaimedJob | undefined {
    for (const jobs of this.#companions.values()) {
      const at = jobs.findIndex((job) => job.id === id)
      if (at >= 0) return jobs.splice(at, 1)[0]
    }
    return undefined
  }

  measure(now: number): void {
    this.pace.record(this.ended, now - this.#measuredAt - this.#starvedMs)
    this.ended = 0
    this.#starvedMs = 0
    this.#measuredAt = now
  }

  /** How many more can be claimed now, at most `limit`, while the store has up to `turns` calls under way. */
  space(limit: number, turns: number): number {
    const most = limit * turns
    const held = Math.min(most, this.free + this.pace.ahead(most, turns > 1))

    return Math.max(0, Math.min(limit, held - this.waiting - this.asked))
  }

  room(limit: number, turns: number): Room | undefined {
    const jobs = this.space(limit, turns)
    if (jobs === 0) return undefined
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
