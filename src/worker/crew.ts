/** The jobs of a worker: waiting for a slot, and running. What became of them is kept by `Results`. */
import type { Runtime } from '../runtime.ts'
import type { Claim, ClaimedJob } from '../store/store.ts'
import type { TaskDefinition } from '../task/definition.ts'
import { Batch, executeBatch } from './batch.ts'
import { Deadlines } from './deadlines.ts'
import { abandoned, execute, timedOut, type RunEnd } from './execute.ts'
import type { SlotGroup } from './options.ts'
import type { Reports } from './reports.ts'
import type { Results, WhyGivenBack } from './results.ts'
import { Run, type Ending } from './run.ts'
import { Slots } from './slots.ts'

/** Jobs that waited longer for a slot go back to the store, where others may take them. */
const lateMs = 1000

export interface CrewLinks {
  readonly results: Results
  readonly reports: Reports
  /** Something ended, or there is room again. */
  readonly news: () => void
  /** False while what waits may be another's by now: the store has not answered for long. */
  readonly mayStart: () => boolean
}

/** How long a job that nobody here knows stays away: half its age, from a second to a minute, so that it grows. */
const unknownTaskDelayMs = (ageMs: number) => Math.min(60_000, Math.max(1000, ageMs / 2))

export class Crew {
  readonly slots: readonly Slots[]
  readonly #runtime: Runtime
  readonly #links: CrewLinks
  readonly #deadlines: Deadlines<Run>
  /** Whose handlers have returned and not ended. One that ends as it returns is never among them. */
  readonly #runs = new Map<string, Run>()
  readonly #handlerEnded: (run: Run, end: RunEnd) => void
  /** The last look at the clock. */
  #now = 0
  #filling = false
  #fillPlanned = false
  #starting = true

  constructor(runtime: Runtime, groups: readonly SlotGroup[], links: CrewLinks) {
    this.#runtime = runtime
    this.#links = links
    this.slots = groups.map((group) => new Slots(group, runtime.env.monotonic()))
    this.#deadlines = new Deadlines(runtime.env, (run) => this.#timeout(run))
    this.#handlerEnded = (run, end) => this.#ended(run, end)
  }

  /** Nothing waits or runs. */
  get idle(): boolean {
    return this.#runs.size === 0 && this.slots.every(({ waiting }) => waiting === 0)
  }

  get hasRoom(): boolean {
    return this.slots.some((slots) => slots.free > slots.waiting)
  }

  get allZombies(): boolean {
    return this.slots.every(({ allZombies }) => allZombies)
  }

  /** After an unknown outcome: what is not held any more is lost, and what nobody here knew of is taken up. */
  resynced(held: readonly ClaimedJob[], isHeld: (claim: Claim) => boolean): void {
    for (const run of this.#runs.values()) if (!isHeld(run.claimed) && !run.completed) this.#lose(run)
    // The answer that got lost may have been the one that told of a cancel.
    for (const job of held) if (job.cancelRequested) this.cancel(job)
    this.hold(held.filter((job) => !this.#knows(job)))
    this.start()
  }

  /** Jobs that were claimed; `start` starts them. */
  hold(claimed: readonly ClaimedJob[]): void {
    if (claimed.length === 0) return
    const now = this.#runtime.env.monotonic()
    if (this.slots.length === 1) return this.slots[0]!.add(claimed, now)

    for (const slots of this.slots) {
      const own = claimed.filter(({ queue }) => this.#slotsOf(queue) === slots)
      if (own.length > 0) slots.add(own, now)
    }
  }

  /** Starts what has a slot. */
  start(): void {
    if (!this.#starting) return this.#giveBackWaiting()
    this.#now = this.#runtime.env.monotonic()
    this.#fill()
  }

  cancel(claim: Claim): void {
    const run = this.#runs.get(claim.id)
    if (run?.claimed.claim === claim.claim) return run.end('cancelled')
    for (const slots of this.slots) {
      const waiting = slots.drop(claim.id)
      // The store ends it cancelled when it comes back.
      if (waiting) this.#links.results.giveBack(waiting)
    }
  }

  /** From now on nothing is started: what waits, and what may still come, is given back. */
  stopStarting(): void {
    this.#starting = false
    this.#giveBackWaiting()
  }

  giveBackLate(): void {
    const moment = this.#runtime.env.monotonic() - lateMs
    for (const slots of this.slots) this.#giveBackAll(slots.takeLate(moment), 'late')
  }

  /** Tells every run to end. */
  endAll(ending: Ending): void {
    for (const run of this.#runs.values()) run.end(ending)
  }

  /** Waits no longer for what runs: the process is about to exit. What has ended is still recorded. */
  abandon(): void {
    this.#now = this.#runtime.env.monotonic()
    for (const run of this.#runs.values()) {
      this.#record(run, abandoned(run, this.#runtime))
      this.#close(run)
    }
  }

  /** Forgets what waits. */
  forgetWaiting(): void {
    for (const slots of this.slots) slots.clear()
  }

  /** All that was held is lost. Gives how many ran. */
  loseAll(): number {
    const running = this.#runs.size
    for (const run of this.#runs.values()) this.#lose(run)
    this.forgetWaiting()

    return running
  }

  /** Sets the slots of the only group, or of each. */
  resize(slots: number): void {
    for (const each of this.slots) each.resize(slots)
    this.#links.news()
  }

  #slotsOf(queue: string): Slots {
    return this.slots.find((slots) => slots.has(queue)) ?? this.slots[0]!
  }

  #knows(job: Claim): boolean {
    if (this.#runs.get(job.id)?.claimed.claim === job.claim || this.#links.results.has(job)) return true

    return this.slots.some((slots) => slots.holds(job.id))
  }

  #giveBackWaiting(): void {
    if (this.slots.every(({ waiting }) => waiting === 0)) return
    this.#runtime.env.point('worker.before-give-back')
    for (const slots of this.slots) this.#giveBackAll(slots.clear(), 'stopping')
  }

  #giveBackAll(jobs: readonly ClaimedJob[], why: WhyGivenBack): void {
    for (const job of jobs) this.#links.results.giveBack(job, why)
  }

  /** What ends as it begins makes room for the next without calling this again. */
  #fill(): void {
    if (this.#filling || !this.#links.mayStart()) return
    this.#filling = true
    try {
      for (const slots of this.slots) {
        while (slots.free > 0 && slots.waiting > 0) {
          if (this.#runtime.stretch.isOver(this.#now)) return this.#fillSoon()
          this.#begin(slots.take(), slots)
        }
      }
    } finally {
      this.#filling = false
    }
  }

  #fillSoon(): void {
    if (this.#fillPlanned) return
    this.#fillPlanned = true
    this.#runtime.stretch.next(() => {
      this.#fillPlanned = false
      this.start()
    })
  }

  #begin(job: ClaimedJob, slots: Slots): void {
    const { registry, env } = this.#runtime
    const definition = registry.find(job.task)
    if (definition?.limits?.batch || slots.hasCompanions(job)) return this.#beginGroup(job, definition, slots)
    // The store ends it cancelled when it comes back.
    if (job.cancelRequested) return this.#returnUnstarted(job)
    if (!definition?.handler) return this.#returnUnknown(job)
    const run = this.#newRun(job, definition, slots)
    slots.running++

    env.point('worker.before-run')
    execute(run, this.#runtime, this.#handlerEnded)
    if (!run.over) this.#goesOn(run)
  }

  #newRun(job: ClaimedJob, definition: TaskDefinition, slots: Slots): Run {
    const { bus } = this.#runtime
    const run = new Run(job, definition, slots, this.#runtime, this.#links.reports)
    run.startedAt = this.#now
    if (bus.hears('started'))
      bus.emit('started', { id: job.id, task: job.task, queue: job.queue, attempt: job.attempt })

    return run
  }

  /** Jobs that were claimed together, and take one slot together where their task is still one of batches. */
  #beginGroup(first: ClaimedJob, definition: TaskDefinition | undefined, slots: Slots): void {
    const jobs = [first, ...slots.companions(first)]
    const wanted = jobs.filter(({ cancelRequested }) => !cancelRequested)
    for (const job of jobs) if (job.cancelRequested) this.#returnUnstarted(job)
    if (wanted.length === 0) return
    if (!definition?.handler) return wanted.forEach((job) => this.#returnUnknown(job))
    // Enqueued when it was one of batches: each needs a slot of its own.
    if (!definition.limits?.batch) return slots.addApart(wanted, this.#now)
    slots.running++
    const batch = new Batch(
      wanted.map((job) => this.#newRun(job, definition, slots)),
      slots,
    )

    this.#runtime.env.point('worker.before-run')
    void executeBatch(batch, this.#runtime, (run, end) => this.#itemEnded(run, end)).then(() => this.#batchEnded(batch))
    for (const run of batch.runs) if (!run.over) this.#goesOn(run)
  }

  #itemEnded(run: Run, end: RunEnd): void {
    this.#runtime.env.point('worker.after-run')
    run.over = true
    this.#now = this.#runtime.env.monotonic()
    if (run.closed) return
    this.#record(run, end)
    this.#close(run, false)
  }

  #batchEnded({ slots, zombie }: Batch): void {
    slots.running--
    slots.endedAt = this.#now
    if (zombie) slots.zombies--
    else slots.ended++
    this.#now = this.#runtime.env.monotonic()
    if (slots.waiting > 0) this.#fill()
    this.#links.news()
  }

  #goesOn(run: Run): void {
    run.goesOn = true
    this.#runs.set(run.id, run)
    this.#now = this.#runtime.env.monotonic()
    const { timeoutMs } = run.definition
    if (timeoutMs !== undefined)
      run.deadline = this.#deadlines.add(run, Math.max(0, timeoutMs - (this.#now - run.startedAt)))
  }

  #returnUnknown(job: ClaimedJob): void {
    this.#returnUnstarted(job, 'unknown task', unknownTaskDelayMs(this.#runtime.env.now() - job.createdAt))
  }

  #returnUnstarted(job: ClaimedJob, why?: WhyGivenBack, delayMs?: number): void {
    this.#links.results.giveBack(job, why, delayMs === undefined ? {} : { delayMs })
    this.#links.news()
  }

  #ended(run: Run, end: RunEnd): void {
    this.#runtime.env.point('worker.after-run')
    const { slots } = run
    slots.running--
    run.over = true
    this.#now = this.#runtime.env.monotonic()
    slots.endedAt = this.#now
    if (run.closed) slots.zombies--
    else {
      slots.ended++
      this.#record(run, end)
      this.#close(run, false)
    }
    if (slots.waiting > 0) this.#fill()
    this.#links.news()
  }

  #record(run: Run, end: RunEnd): void {
    if (end.kind === 'give back') {
      const why = run.ending === 'lost' ? 'lost' : 'stopping'
      return this.#links.results.giveBack(run.claimed, why, run.called ? { started: true } : {})
    }

    const ranMs = Math.round(this.#now - run.startedAt)
    if (end.kind === 'recorded') this.#links.results.recordedAlready(run, end.end, ranMs)
    else this.#links.results.ended(run, end, ranMs)
  }

  /** Its outcome stands, whatever the handler still does; if it goes on, it keeps its slot. */
  #timeout(run: Run): void {
    if (run.closed) return
    this.#now = this.#runtime.env.monotonic()
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
    if (run.batch) run.batch.closed()
    else if (goesOn) run.slots.zombies++
    if (run.deadline) this.#deadlines.remove(run, run.deadline)
    if (run.goesOn && this.#runs.get(run.id) === run) this.#runs.delete(run.id)
  }
}
