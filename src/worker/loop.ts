/**
 * A worker's dealings with its store: takes turns, starts what they bring, and sleeps until there is news.
 *
 * While a turn is away, what ends is gathered, and the next turn carries it all: an idle worker answers at once and a
 * busy one batches by itself. The worker decides how much to take and what became of each run; only the store decides
 * whose a job is.
 */
import type { Runtime } from '../runtime.ts'
import type { Claim, ControlMessage, IncarnationId, Resynced, Store, TurnResult } from '../store/store.ts'
import { Crew } from './crew.ts'
import { Lease } from './lease.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { Reports } from './reports.ts'
import { Results } from './results.ts'
import { SilentWorkers } from './silent.ts'
import { Turns } from './turns.ts'
import { Wakeup } from './wakeup.ts'

/** A worker with nothing to say still takes a turn this often: it hears of cancels and messages then. */
const heartbeatMs = 1000
/** What is due may be for others to take, or not to be had yet: a worker does not spin on it. */
const shortestSleepMs = 10
/** What is due already is upkeep's to make ready, and hides what falls due after it. */
const overdueSleepMs = 100
/** A reason of its own: the default one is an error with a stack, made each time. */
const awake = 'awake'
const longestTroubleMs = 5000
/** Whoever waits for a worker to stop is not kept by a store that comes back. */
const longestTroubleOnTheWayOutMs = 250

export interface LoopLinks {
  /** Begins a life at the store. */
  readonly join: (store: Store) => Promise<IncarnationId>
  /** Somebody has left a message that asks for it. */
  readonly stop: () => void
  /** A job falls due in so many milliseconds. */
  readonly due: (inMs: number) => void
}

export class Loop {
  readonly crew: Crew
  readonly lease: Lease
  readonly #runtime: Runtime
  readonly #options: ResolvedWorkerOptions
  readonly #links: LoopLinks
  readonly #wakeup = new Wakeup()
  readonly #results: Results
  readonly #turns: Turns
  readonly #silent: SilentWorkers
  #store!: Store
  #incarnation: IncarnationId = ''
  #ending = false
  #abandoned = false
  #quiet = false
  /** As the latest answer says, there may be more to claim. */
  #more = false
  #trouble = 0
  /** A turn has failed, so what this worker holds is not known: no other is sent before `resync` has told. */
  #unsure = false
  #gone = false
  /** It holds jobs that have started, and has given up telling the store. */
  #untold = false
  #cutRestShort: () => void = () => {}

  constructor(runtime: Runtime, options: ResolvedWorkerOptions, links: LoopLinks) {
    const { env, bus, outage } = runtime
    const [store, incarnation] = [() => this.#store, () => this.#incarnation]
    const writing = 'writing progress and logs'
    const reports = new Reports({
      env,
      store,
      incarnation,
      answered: () => outage.answered(writing),
      sure: () => this.lease.sure,
      failed: (error, again) => (again ? outage.failed(writing, error) : bus.emit('error', { error, during: writing })),
    })
    this.#runtime = runtime
    this.#options = options
    this.#links = links
    this.#results = new Results(runtime)
    this.#silent = new SilentWorkers(env)
    this.lease = new Lease(env, options.leaseMs, { look: () => this.wake(), lost: () => this.crew.endAll('lost') })
    this.crew = new Crew(runtime, options.groups, {
      results: this.#results,
      reports,
      news: () => this.#news(),
      mayStart: () => this.lease.sure,
    })
    this.#turns = new Turns(runtime, {
      crew: this.crew,
      results: this.#results,
      reports,
      lease: this.lease,
      store,
      incarnation,
      claims: () => !this.#ending && !this.#quiet,
    })
  }

  wake(): void {
    this.#wakeup.wake()
  }

  async begin(store: Store): Promise<void> {
    this.#store = store
    if (this.#options.burst) await this.#silent.look(store, this.#queues)
    await this.#join()
  }

  /** Until it was told to end, and all that was held is done and recorded. */
  async run(): Promise<void> {
    while (!this.#isOver()) await this.#step()
  }

  /** Where the store cannot be told, the end of the lease tells it. It would take what has started for unstarted. */
  async leave(): Promise<void> {
    if (this.#untold) return
    try {
      await this.#store.leave(this.#incarnation)
    } catch (error) {
      this.#runtime.bus.emit('error', { error, during: 'a worker leaving' })
    }
  }

  /** Claims no more, and ends when what is held is done. */
  endSoon(): void {
    this.#ending = true
    this.crew.stopStarting()
    this.#cutRestShort()
    this.wake()
  }

  /** Waits no longer for what runs. */
  abandon(): void {
    this.#abandoned = true
    this.crew.abandon()
    this.#cutRestShort()
    this.wake()
  }

  #isOver(): boolean {
    if (this.#runtime.closing.signal.aborted && !this.#ending) this.endSoon()

    return this.#ending && this.crew.idle && !this.#results.waiting && this.#turns.underWay === 0
  }

  get #queues(): readonly string[] {
    return this.#options.groups.flatMap((group) => group.queues)
  }

  async #join(): Promise<void> {
    const askedAt = this.#runtime.env.monotonic()
    this.#incarnation = await this.#links.join(this.#store)
    this.lease.renewed(askedAt)
  }

  async #step(): Promise<void> {
    this.#wakeup.reset()
    try {
      if (this.#unsure || this.#gone) await this.#clearUp()
      if (this.#turns.underWay >= this.#store.limits.turnsInFlight) return await this.#turns.one()

      const answer = await this.#turns.take()
      this.#accept(answer)
      if (answer.gone) return await this.#clearUp()
      if (this.#isOver()) return
      // Quick jobs have ended when this turn of the event loop has, and sleeping would only cost.
      if (answer.claimed.length > 0 || this.#isBusy) await this.#yield()
      if (this.#isBusy) return
      if (this.#turns.underWay > 0) return await Promise.race([this.#turns.one(), this.#wakeup.woken])
      if (this.#options.burst && this.crew.idle && !answer.more && !(await this.#silent.mayLeaveJobs(this.#store)))
        this.endSoon()
      else await this.#pause(answer.nextDueMs)
    } catch (error) {
      await this.#recover(error)
    }
  }

  get #isBusy(): boolean {
    return this.#results.waiting || (this.#more && this.crew.hasRoom)
  }

  #accept(answer: TurnResult): void {
    this.#trouble = 0
    this.#runtime.outage.answered('a turn')
    if (answer.gone) {
      this.#gone = true
      return
    }
    this.#more = answer.more
    for (const message of answer.messages) this.#obey(message)
    for (const claim of answer.cancels) this.crew.cancel(claim)
    this.crew.hold(answer.claimed)
    if (this.#store.limits.turnsInFlight > 1) this.#takeBeside()
    this.crew.start()
    if (answer.nextDueMs !== undefined) this.#links.due(answer.nextDueMs)
  }

  #news(): void {
    this.wake()
    if (this.#turns.underWay > 0) this.#takeBeside()
  }

  /** Another turn, beside those under way, if it is worth one. */
  #takeBeside(): void {
    if (this.#unsure || this.#gone || !this.#turns.isWorthAnother(this.#more)) return
    void this.#turns
      .take()
      .then(
        (answer) => this.#accept(answer),
        (error: unknown) => this.#failed(error),
      )
      .then(() => this.wake())
  }

  #obey(message: ControlMessage): void {
    if (message.kind === 'quiet') this.#quiet = true
    else if (message.kind === 'resize') this.crew.resize(message.slots)
    else this.#links.stop()
  }

  /** Lets all that is due in this turn of the event loop end first, so that one turn carries it. */
  #yield(): Promise<void> {
    return new Promise((resolve) => this.#runtime.env.soon(resolve))
  }

  async #pause(nextDueMs = Infinity): Promise<void> {
    const asleep = new AbortController()
    const queues = this.crew.hasRoom && !this.#ending ? this.#queues : []
    const dueMs = nextDueMs > 0 ? Math.max(shortestSleepMs, nextDueMs) : overdueSleepMs
    const ms = Math.min(heartbeatMs, this.#options.leaseMs / 5, dueMs)

    const why = await Promise.race([this.#wakeup.woken, this.#store.wait(this.#incarnation, queues, ms, asleep.signal)])
    if (why === undefined) asleep.abort(awake)
    // What ends together wakes one by one; work that has come to the store is all there.
    if (why !== 'work') await this.#yield()
  }

  /** Learns what is still held, so that what unanswered turns carried is sent again if it was not recorded. */
  async #clearUp(): Promise<void> {
    await this.#turns.none()
    const answer = this.#gone ? 'gone' : await this.#store.resync(this.#incarnation)
    if (answer === 'gone') await this.#beginAgain()
    else this.#resynced(answer)
    this.#unsure = this.#gone = false
  }

  #resynced({ held, messages }: Resynced): void {
    const claims = new Map(held.map((job) => [job.id, job]))
    const isHeld = (claim: Claim) => claims.get(claim.id)?.claim === claim.claim

    this.#results.resynced(isHeld)
    this.crew.resynced(held, isHeld)
    for (const message of messages) this.#obey(message)
  }

  /** This life is over: what it held belongs to others. */
  async #beginAgain(): Promise<void> {
    this.#gone = true
    const running = this.crew.loseAll()
    this.#results.forget()
    this.#runtime.bus.emit('worker gone', { worker: this.#options.name, running })
    await this.#join()
  }

  #failed(error: unknown): void {
    this.#unsure = true
    this.#runtime.outage.failed('a turn', error)
  }

  /** After a turn that failed: waits a little longer each time. */
  async #recover(error: unknown): Promise<void> {
    const { env, closing } = this.#runtime
    this.#failed(error)
    if (closing.signal.aborted) this.crew.abandon()
    if (this.#cannotWait) {
      this.#untold = this.#results.forget() || this.#untold
      this.crew.forgetWaiting()
    }
    if (this.#isOver()) return
    const longestMs = this.#ending ? longestTroubleOnTheWayOutMs : longestTroubleMs
    await this.#rest(Math.min(longestMs, 50 * 2 ** this.#trouble++) * (0.5 + env.random() / 2))
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.env.after(ms, resolve, { hold: true })
      this.#cutRestShort = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** On the way out, with a store that does not answer: what has ended cannot be recorded any more. */
  get #cannotWait(): boolean {
    if (this.#runtime.closing.signal.aborted || this.#abandoned) return true

    return this.#ending && this.lease.over
  }
}
