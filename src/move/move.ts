/**
 * Moving: carries jobs, schedules and history from one store to another while both are worked with.
 *
 * What a mover has done stands in the stores alone, so it may be killed anywhere and started again, and several may
 * run at once. store/moving.ts says why nothing is lost or doubled on the way.
 */
import { sleep, type Env } from '../env.ts'
import { MoveConflictError, MoveRefusedError } from '../errors.ts'
import type { JobState } from '../job.ts'
import { allSchedules } from '../schedule/all.ts'
import type { MovingJob, MovingStore } from '../store/moving.ts'
import type { Store } from '../store/store.ts'
import { agree, type Side } from './agree.ts'
import { inReach } from './in-reach.ts'
import { keptForWaiters } from './kept.ts'
import { patiently } from './patiently.ts'
import { slices } from './slices.ts'

export interface MoveOptions {
  readonly from: Side
  readonly to: Side
  readonly env: Env
  /** Goes on until it is aborted, and carries over what producers still bring to the source. @default false */
  readonly follow?: boolean
  /** How long to wait for what cannot leave yet, counted from the last job that could. @default 30_000 */
  readonly waitMs?: number
  /** Ends the move between two steps. What is left goes with the next one. */
  readonly signal?: AbortSignal
  /** Called after every step that carried something. */
  readonly onProgress?: (report: MoveReport) => void
}

export const moveDefaults = { follow: false, waitMs: 30_000 } as const

export interface MoveReport {
  /** Jobs that this mover has seen arrive, by the state in which they did. */
  readonly moved: Readonly<Record<MovingJob['state'], number>>
  readonly schedules: number
  /** What is still in the source. */
  readonly left: Left
}

export interface Left {
  readonly running: number
  readonly waiting: number
  readonly final: number
}

const jobsPerPage = 200
const pauseMs = 250
const nothing: Left = { running: 0, waiting: 0, final: 0 }

/**
 * Resolves when nothing is left in the source; when what is left could not leave for `waitMs`; or when it is aborted.
 *
 * @throws MoveRefusedError before anything is moved
 * @throws MoveConflictError when an id belongs to different jobs in the two stores
 */
export async function move(options: MoveOptions): Promise<MoveReport> {
  const mover = new Mover(options)
  await mover.agree()

  return mover.run()
}

/**
 * Ends a move before the source is empty: what was on its way arrives, all else stays, and the source may go elsewhere.
 *
 * @throws MoveRefusedError where the source is on its way to another store than this
 */
export async function callOff(options: MoveOptions): Promise<MoveReport> {
  const { to } = await options.from.store.moving.status()
  if (!to) throw new MoveRefusedError(`${options.from.name} is not being moved anywhere. There is nothing to call off.`)
  const mover = new Mover(options)
  await mover.agree()

  return mover.callOff()
}

/** What a move would find. Nothing is changed in either store. */
export async function countMove({ store }: Side): Promise<{ left: Left; schedules: number }> {
  return { left: await leftIn(store), schedules: (await allSchedules(store.schedules)).length }
}

class Mover {
  readonly #from: Store
  readonly #to: Store
  readonly #source: MovingStore
  readonly #destination: MovingStore
  readonly #options: MoveOptions
  readonly #signal: AbortSignal
  readonly #moved: Record<MovingJob['state'], number>
  #schedules = 0

  constructor(options: MoveOptions) {
    const { from, to, signal = new AbortController().signal } = options
    this.#from = from.store
    this.#to = to.store
    this.#source = from.store.moving
    this.#destination = to.store.moving
    this.#options = options
    this.#signal = signal
    this.#moved = { scheduled: 0, blocked: 0, ready: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 }
  }

  agree(): Promise<void> {
    return this.#call(() => agree(this.#options.from, this.#options.to))
  }

  async run(): Promise<MoveReport> {
    try {
      return await this.#goOn()
    } catch (error) {
      if (!this.#signal.aborted || error !== this.#signal.reason) throw error
      return this.#report(await leftIn(this.#from))
    }
  }

  async #goOn(): Promise<MoveReport> {
    const { env, follow = moveDefaults.follow, waitMs = moveDefaults.waitMs } = this.#options
    let quietSince = env.monotonic()

    while (!this.#signal.aborted) {
      const [before, began] = [this.#total(), env.monotonic()]
      await this.#round()
      if (this.#total() > before) quietSince = env.monotonic()
      if (this.#signal.aborted) break
      if (this.#total() > before) continue

      const left = await this.#call(() => leftIn(this.#from))
      if (!follow && isEmpty(left) && (await this.#call(() => this.#source.end()))) return this.#report(left)
      if (!follow && env.monotonic() - quietSince >= waitMs) return this.#report(left)
      // Looking through much that cannot leave must not keep a store busy.
      await sleep(env, Math.max(pauseMs, 2 * (env.monotonic() - began)), this.#signal).catch(() => {})
    }
    return this.#report(await leftIn(this.#from))
  }

  async callOff(): Promise<MoveReport> {
    do {
      await this.#carryOn()
      // Another mover may have taken some since.
    } while (!this.#signal.aborted && !(await this.#call(() => this.#source.end())))

    return this.#report(await leftIn(this.#from))
  }

  /** Everything that can leave now, once. What an earlier mover had taken goes first. */
  async #round(): Promise<void> {
    await this.#carryOn()
    await this.#carrySchedules()
    // Without workers nobody else would take back what their last lives hold, and tell waiters of ends.
    await this.#call(() => this.#from.upkeep())

    let cursor: string | undefined
    do {
      const page = await this.#call(() => this.#source.take(this.#room, cursor))
      await this.#carry(page.jobs)
      cursor = page.cursor
    } while (cursor !== undefined && !this.#signal.aborted)
  }

  async #carryOn(): Promise<void> {
    while (!this.#signal.aborted) {
      const jobs = await this.#call(() => this.#source.leaving(this.#room))
      if (jobs.length === 0) return
      await this.#carry(jobs)
    }
  }

  /** Taken already; from here on the order is all: first they live there, then they are forgotten here. */
  async #carry(taken: readonly MovingJob[]): Promise<void> {
    for (const jobs of slices(taken, this.#to.limits)) {
      // Engines that answer at once would leave no room for signals and timers.
      await new Promise<void>((resolve) => this.#options.env.soon(resolve))
      if (this.#signal.aborted) return
      const placing = jobs.map((job) => keptForWaiters(inReach(job), this.#options.env.now()))
      const answers = await this.#call(() => this.#destination.place(placing))

      const arrived = jobs.filter((_, index) => answers[index] !== 'conflict')
      await this.#drop(arrived)
      for (const { state } of arrived) this.#moved[state]++
      if (arrived.length < jobs.length) await this.#refuse(jobs.filter((_, index) => answers[index] === 'conflict'))
      this.#options.onProgress?.(this.#report(nothing))
    }
  }

  async #drop(jobs: readonly MovingJob[]): Promise<void> {
    const { idsPerCall } = this.#from.limits
    for (let at = 0; at < jobs.length; at += idsPerCall) {
      await this.#call(() => this.#source.drop(jobs.slice(at, at + idsPerCall).map(ticketOf)))
    }
  }

  /** They stay what they were, where they were. */
  async #refuse(jobs: readonly MovingJob[]): Promise<never> {
    await this.#call(() => this.#source.stay(jobs.map(ticketOf)))
    const { from, to } = this.#options
    throw new MoveConflictError(
      jobs.map(({ id }) => id),
      from.name,
      to.name,
    )
  }

  async #carrySchedules(): Promise<void> {
    const schedules = await this.#call(() => this.#source.takeSchedules())
    if (schedules.length === 0) return

    await this.#call(() => this.#destination.placeSchedules(schedules))
    await this.#call(() => this.#source.dropSchedules(schedules.map(({ name }) => name)))
    this.#schedules += schedules.length
    this.#options.onProgress?.(this.#report(nothing))
  }

  get #room(): { jobs: number; bytes: number } {
    const [here, there] = [this.#from.limits, this.#to.limits]
    return {
      jobs: Math.min(jobsPerPage, here.jobsPerCall),
      bytes: Math.min(here.bytesPerCall, there.bytesPerCall),
    }
  }

  #total(): number {
    return Object.values(this.#moved).reduce((sum, count) => sum + count, this.#schedules)
  }

  #report(left: Left): MoveReport {
    return { moved: { ...this.#moved }, schedules: this.#schedules, left }
  }

  #call<T>(call: () => Promise<T>): Promise<T> {
    return patiently(this.#options.env, this.#signal, call)
  }
}

const ticketOf = ({ id, ticket }: MovingJob) => ({ id, ticket })

const isEmpty = ({ running, waiting, final }: Left) => running + waiting + final === 0

async function leftIn(store: Store): Promise<Left> {
  const counts = await store.counts()
  const count = (...states: JobState[]) =>
    counts.reduce((sum, queue) => sum + states.reduce((each, state) => each + queue.states[state], 0), 0)

  return {
    running: count('running'),
    waiting: count('scheduled', 'blocked', 'ready'),
    final: count('succeeded', 'failed', 'cancelled', 'expired'),
  }
}
