/** The jobs of a worker: waiting for a slot, running, ended and not yet recorded. */
import type { Runtime } from '../runtime.ts'
import type { Claim, ClaimedJob, IncarnationId, Room, Store, StoreLimits, Turn } from '../store/store.ts'
import { Deadlines } from './deadlines.ts'
import { execute, timedOut, type RunEnd } from './execute.ts'
import type { SlotGroup } from './options.ts'
import { Outbox, type GivenBack } from './outbox.ts'
import { Reports } from './reports.ts'
import { Run, type Ending } from './run.ts'
import { Slots } from './slots.ts'
import { tellEnd } from './tell.ts'

/** Jobs that waited longer for a slot go back to the store, where others may take them. */
const lateMs = 1000
/** Jobs are started for this long at a stretch; then the event loop has its turn. */
const stretchMs = 4

export interface CrewLinks {
  readonly store: () => Store
  readonly incarnation: () => IncarnationId
  /** Something ended, or there is room again. */
  readonly news: () => void
}

/** How long a job that nobody here knows stays away: half its age, from a second to a minute, so that it grows. */
const unknownTaskDelayMs = (ageMs: number) => Math.min(60_000, Math.max(1000, ageMs / 2))

export class Crew {
  readonly #runtime: Runtime
  readonly #links: CrewLinks
  readonly #slots: Slots[]
  readonly #reports: Reports
  readonly #deadlines: Deadlines<Run>
  readonly #runs = new Map<string, Run>()
  readonly #outbox = new Outbox()
  #endedSinceTurn = new Map<Slots, number>()
  #turnAt: number
  #stretchUntil = 0
  #fillPlanned = false
  #starting = true

  constructor(runtime: Runtime, groups: readonly SlotGroup[], links: CrewLinks) {
    this.#runtime = runtime
    this.#links = links
    this.#slots = groups.map((group) => new Slots(group))
    this.#turnAt = runtime.env.monotonic()
    this.#deadlines = new Deadlines(runtime.env, (run) => this.#timeout(run))
    this.#reports = new Reports({
      env: runtime.env,
      store: links.store,
      incarnation: links.incarnation,
      failed: (error) => runtime.bus.emit('error', { error, during: 'writing progress and logs' }),
    })
  }

  /** Nothing waits, runs, or is yet to be recorded. */
  get idle(): boolean {
    return this.#runs.size === 0 && !this.hasNews && this.#slots.every(({ waiting }) => waiting === 0)
  }

  /** The store has something to be told. */
  get hasNews(): boolean {
    return !this.#outbox.isEmpty
  }

  get hasRoom(): boolean {
    return this.#slots.some((slots) => slots.free > slots.waiting)
  }

  get allZombies(): boolean {
    return this.#slots.every(({ allZombies }) => allZombies)
  }

  /** Writes the progress and log lines of all that has ended so far, and of what runs. */
  flushReports(): Promise<void> | undefined {
    return this.#reports.pending ? this.#reports.flush() : this.#reports.flushing
  }

  /** At most `limit` jobs, and each group its share of them, lest one that is quick takes all that a call may bring. */
  room(limit: number): Room[] {
    const share = Math.max(1, Math.floor(limit / this.#slots.length))

    return this.#slots.flatMap((slots) => slots.room(share) ?? [])
  }

  /** What the next turn is to carry; kept until `recorded` or `resynced`. */
  report(limits: StoreLimits): Pick<Turn, 'settled' | 'givenBack'> {
    this.#measure()
    this.#giveBackLate()

    return this.#outbox.send(limits)
  }

  /** The turn was answered: all it carried is recorded, except what was stale. */
  recorded(stale: readonly Claim[]): void {
    const refused = stale.length > 0 ? new Set(stale.map(({ id }) => id)) : undefined

    for (const ended of this.#outbox.heard()) {
      if (!refused?.has(ended.run.id)) tellEnd(this.#runtime, ended)
      else if (ended.run.completed) {
        refused.delete(ended.run.id)
        tellEnd(this.#runtime, { ...ended, end: ended.run.completed })
      }
    }
    for (const claim of stale) if (refused!.has(claim.id)) this.#runtime.bus.emit('stale', { claim })
  }

  /** After an unknown outcome: sends again what is still held, takes up what it did not know of. */
  resynced(held: readonly ClaimedJob[]): void {
    const claims = new Map(held.map((job) => [job.id, job]))
    const isHeld = (claim: Claim) => claims.get(claim.id)?.claim === claim.claim

    for (const recorded of this.#outbox.sort(isHeld)) {
      // What one recorded that called `succeed` hangs on a transaction nobody here has heard of.
      if (!recorded.run.completed) tellEnd(this.#runtime, recorded)
    }
    for (const run of this.#runs.values()) if (!isHeld(run.claimed) && !run.completed) this.#lose(run)
    // The answer that got lost may have been the one that told of a cancel.
    for (const job of held) if (job.cancelRequested) this.cancel(job)
    this.take(held.filter((job) => !this.#knows(job)))
  }

  take(claimed: readonly ClaimedJob[]): void {
    if (claimed.length > 0) {
      const now = this.#runtime.env.monotonic()
      for (const job of claimed) this.#slotsOf(job.queue).add(job, now)
    }
    if (!this.#starting) return this.#giveBackWaiting()
    this.#stretchUntil = this.#runtime.env.monotonic() + stretchMs
    this.#fill()
  }

  cancel(claim: Claim): void {
    const run = this.#runs.get(claim.id)
    if (run?.claimed.claim === claim.claim) return run.end('cancelled')
    for (const slots of this.#slots) {
      const waiting = slots.drop(claim.id)
      // The store ends it cancelled when it comes back.
      if (waiting) this.#giveBack({ claim: waiting })
    }
  }

  /** From now on nothing is started: what waits, and what may still come, is given back. */
  stopStarting(): void {
    this.#starting = false
    this.#giveBackWaiting()
  }

  /** Tells every run to end. */
  endAll(ending: Ending): void {
    for (const run of this.#runs.values()) run.end(ending)
  }

  /** Waits no longer for what runs: the process is about to exit. What has ended is still recorded. */
  abandon(): void {
    for (const run of this.#runs.values()) this.#close(run)
  }

  /** Gives up recording what has ended. */
  forgetEnded(): void {
    // What ended in a transaction of its own is as final as that.
    for (const { run } of this.#outbox.clear())
      if (!run.completed) this.#runtime.bus.emit('stale', { claim: run.claimed })
    for (const slots of this.#slots) slots.clear()
  }

  /** All that was held is lost. Gives how many ran. */
  loseAll(): number {
    const running = this.#runs.size
    for (const run of this.#runs.values()) this.#lose(run)
    this.forgetEnded()

    return running
  }

  /** Sets the slots of the only group, or of each. */
  resize(slots: number): void {
    for (const each of this.#slots) each.resize(slots)
    this.#links.news()
  }

  #slotsOf(queue: string): Slots {
    return this.#slots.find((slots) => slots.has(queue)) ?? this.#slots[0]!
  }

  #knows(job: Claim): boolean {
    if (this.#runs.get(job.id)?.claimed.claim === job.claim || this.#outbox.has(job)) return true

    return this.#slots.some((slots) => slots.holds(job.id))
  }

  #measure(): void {
    const now = this.#runtime.env.monotonic()
    for (const slots of this.#slots) slots.pace.record(this.#endedSinceTurn.get(slots) ?? 0, now - this.#turnAt)
    this.#endedSinceTurn.clear()
    this.#turnAt = now
  }

  #giveBackWaiting(): void {
    if (this.#slots.every(({ waiting }) => waiting === 0)) return
    this.#runtime.env.point('worker.before-give-back')
    for (const slots of this.#slots)
      for (const { job } of slots.clear()) this.#giveBack({ claim: job }, job, 'stopping')
  }

  #giveBackLate(): void {
    const moment = this.#runtime.env.monotonic() - lateMs
    for (const slots of this.#slots)
      for (const { job } of slots.takeLate(moment)) this.#giveBack({ claim: job }, job, 'late')
  }

  #giveBack(back: GivenBack, job?: ClaimedJob, why?: 'late' | 'stopping' | 'unknown task'): void {
    this.#outbox.giveBack(back)
    if (!job || !why || !this.#runtime.bus.hears('given back')) return
    const { id, task, queue, attempt } = job
    this.#runtime.bus.emit('given back', { id, task, queue, attempt, why })
  }

  #fill(): void {
    for (const slots of this.#slots) {
      while (slots.free > 0 && slots.waiting > 0) {
        if (this.#runtime.env.monotonic() > this.#stretchUntil) return this.#fillSoon()
        this.#begin(slots.take()!, slots)
      }
    }
  }

  #fillSoon(): void {
    if (this.#fillPlanned) return
    this.#fillPlanned = true
    this.#runtime.env.soon(() => {
      this.#fillPlanned = false
      this.#stretchUntil = this.#runtime.env.monotonic() + stretchMs
      this.#fill()
    })
  }

  #begin(job: ClaimedJob, slots: Slots): void {
    const { registry, env, bus } = this.#runtime
    // The store ends it cancelled when it comes back.
    if (job.cancelRequested) return this.#returnUnstarted({ claim: job })
    const definition = registry.find(job.task)
    if (!definition?.handler) {
      const delayMs = unknownTaskDelayMs(env.now() - job.createdAt)
      return this.#returnUnstarted({ claim: job, delayMs }, job, 'unknown task')
    }
    const run = new Run(job, definition, slots, this.#runtime, this.#reports)
    run.startedAt = env.monotonic()
    slots.running++
    this.#runs.set(job.id, run)
    if (definition.timeoutMs !== undefined) run.deadline = this.#deadlines.add(run, definition.timeoutMs)
    if (bus.hears('started'))
      bus.emit('started', { id: job.id, task: job.task, queue: job.queue, attempt: job.attempt })

    env.point('worker.before-run')
    void execute(run, this.#runtime).then((end) => this.#handlerEnded(run, end))
  }

  #returnUnstarted(back: GivenBack, job?: ClaimedJob, why?: 'unknown task'): void {
    this.#giveBack(back, job, why)
    this.#links.news()
  }

  #handlerEnded(run: Run, end: RunEnd): void {
    this.#runtime.env.point('worker.after-run')
    const { slots } = run
    slots.running--
    run.over = true
    if (run.closed) slots.zombies--
    else {
      this.#endedSinceTurn.set(slots, (this.#endedSinceTurn.get(slots) ?? 0) + 1)
      this.#record(run, end)
      this.#close(run, false)
    }
    if (slots.waiting > 0) this.#fill()
    this.#links.news()
  }

  #record(run: Run, end: RunEnd): void {
    if (end.kind === 'give back') return this.#giveBack({ claim: run.claimed }, run.claimed, 'stopping')
    const ranMs = Math.round(this.#runtime.env.monotonic() - run.startedAt)
    const settlement = {
      claim: run.claimed,
      outcome: end.outcome,
      ranMs,
      ...(end.followUps && { followUps: end.followUps }),
    }

    this.#outbox.add({ run, end, settlement })
  }

  /** Its outcome stands, whatever the handler still does; if it goes on, it keeps its slot. */
  #timeout(run: Run): void {
    if (run.closed) return
    run.end('timeout')
    this.#record(run, timedOut(run, this.#runtime))
    this.#close(run)
    this.#links.news()
    // One that heeds its signal ends before the turn of the event loop does.
    this.#runtime.env.soon(() => {
      const { id, task, queue, attempt, over } = run
      if (!over) this.#runtime.bus.emit('zombie', { id, task, queue, attempt })
    })
  }

  #lose(run: Run): void {
    run.end('lost')
    this.#close(run)
  }

  #close(run: Run, goesOn = true): void {
    run.closed = true
    if (goesOn) run.slots.zombies++
    if (run.deadline) this.#deadlines.remove(run, run.deadline)
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id)
  }
}
