/**
 * Fires what is due in a store, schedule by schedule.
 *
 * One that cannot be fired stops no other: it is told of, left as it is and set aside.
 */
import { mayPass, TickRefusedError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import type { NewJob, ScheduleRecord, Store, Tick, TickAnswer } from '../store/store.ts'
import { readRule } from './rule.ts'
import { ticksOf } from './tick.ts'

const schedulesPerLook = 200
/** Those that are set aside are due all the while, so a look has to go past them: past so many. */
const setAsideAtMost = 2_000
const triedAgainAfterMs = 10_000

/** Why a schedule is passed over. */
interface SetAside {
  readonly rule: string
  /** By this process's monotonic clock. */
  readonly until: number
}

/** What firing has led to. */
export interface Fired {
  /** By the store's clock, the earliest of the next times of what has been fired. */
  readonly nextAt: number
  /** Whether another look would give something else. */
  readonly progress: boolean
}

export class Firing {
  readonly #runtime: Runtime
  readonly #aside = new Map<string, SetAside>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** How many schedules to ask for. */
  get perLook(): number {
    return schedulesPerLook + Math.min(this.#aside.size, setAsideAtMost)
  }

  /** `now` is the store's: this process's own clock may be wrong. `all`: nothing else is due. @throws errors of the store that may pass */
  async fire(store: Store, due: readonly ScheduleRecord[], now: number, all: boolean): Promise<Fired> {
    if (all) this.#forgetAllBut(due)
    const before = this.#aside.size
    const ticks: Tick[] = []
    for (const schedule of due) {
      if (!this.#isAside(schedule)) ticks.push(...(await this.#ticks(store, schedule, now)))
    }
    const { jobsPerCall } = store.limits
    for (let from = 0; from < ticks.length; from += jobsPerCall) {
      await this.#fireSlice(store, ticks.slice(from, from + jobsPerCall), due)
    }
    const next = ticks.flatMap(({ name, nextAt }) => (nextAt === null || this.#aside.has(name) ? [] : nextAt))

    return { nextAt: Math.min(...next), progress: ticks.length > 0 || this.#aside.size > before }
  }

  /** A rule that cannot be computed here is not understood later either; it may be by another process. */
  async #ticks(store: Store, schedule: ScheduleRecord, now: number): Promise<Tick[]> {
    const { env } = this.#runtime
    const making = { id: () => env.id(), random: () => env.random() }
    let queued: boolean
    let fired: Tick[]
    try {
      const rule = readRule(schedule.rule)
      fired = ticksOf(schedule, rule, now, making)
      queued = rule.overlap === 'queue'
    } catch (error) {
      this.#setAside(schedule, Infinity, error)
      return []
    }

    return queued ? inTurn(store, schedule, fired) : fired
  }

  async #fireSlice(store: Store, ticks: readonly Tick[], due: readonly ScheduleRecord[]): Promise<void> {
    let answers: TickAnswer[]
    try {
      answers = await store.schedules.fire(ticks)
    } catch (error) {
      if (mayPass(error) || this.#runtime.closing.signal.aborted) throw error
      const names = [...new Set(ticks.map(({ name }) => name))]
      if (names.length === 1) {
        const until = this.#runtime.env.monotonic() + triedAgainAfterMs
        return this.#setAside(
          due.find(({ name }) => name === names[0])!,
          until,
          error,
        )
      }
      const each = Map.groupBy(ticks, ({ name }) => name)
      for (const own of each.values()) await this.#fireSlice(store, own, due)
      return
    }
    const again = await this.#again(store, ticks, answers)
    if (again.length > 0) await this.#fireSlice(store, again, due)
  }

  /** A tick that was refused has not fired, and so none of its schedule that came after it. */
  #again(store: Store, ticks: readonly Tick[], answers: readonly TickAnswer[]): Promise<Tick[]> {
    const refused = new Set(ticks.filter((_, index) => answers[index] === 'refused').map(({ name }) => name))
    const open = ticks.filter(({ name }, index) => refused.has(name) && answers[index] !== 'fired')

    return Promise.all(
      open.map(async (tick) => (answers[ticks.indexOf(tick)] === 'refused' ? this.#withLess(store, tick) : tick)),
    )
  }

  /** What it waits for may have been pruned since it was looked at: then it ended. Otherwise the tick has no job. */
  async #withLess(store: Store, { job, ...tick }: Tick): Promise<Tick> {
    const { on = [] } = job?.after ?? {}
    const still = await unfinished(store, on)
    if (still.length < on.length) return { ...tick, job: behind(job!, still) }

    const error = new TickRefusedError(tick.name, new Date(tick.at))
    this.#runtime.bus.emit('error', { error, during: `firing the schedule "${tick.name}"` })
    return tick
  }

  #isAside({ name, rule }: ScheduleRecord): boolean {
    const aside = this.#aside.get(name)

    return aside !== undefined && aside.rule === rule && this.#runtime.env.monotonic() < aside.until
  }

  #setAside({ name, rule }: ScheduleRecord, until: number, error: unknown): void {
    const known = this.#aside.get(name)
    this.#aside.set(name, { rule, until })
    if (known?.rule !== rule) this.#runtime.bus.emit('error', { error, during: `firing the schedule "${name}"` })
  }

  #forgetAllBut(due: readonly ScheduleRecord[]): void {
    if (this.#aside.size === 0) return
    const names = new Set(due.map(({ name }) => name))
    for (const name of this.#aside.keys()) if (!names.has(name)) this.#aside.delete(name)
  }
}

/** Each tick's job waits for those before it to end, however they end. */
async function inTurn(store: Store, { lastJob }: ScheduleRecord, ticks: readonly Tick[]): Promise<Tick[]> {
  let before = lastJob === undefined ? [] : await unfinishedUpTo(store, lastJob)

  return ticks.map((tick) => {
    if (!tick.job) return tick
    const job = behind(tick.job, before)
    before = [...before, job.id]
    return { ...tick, job }
  })
}

/** The last one alone does not do: while it waits it may expire or be cancelled, and the one that it waits for still run. */
async function unfinishedUpTo(store: Store, lastJob: string): Promise<string[]> {
  const [last] = await store.get([lastJob])
  if (!last || last === 'gone') return []
  const { behind: earlier = [] } = JSON.parse(last.metadata ?? '{}') as Behind
  const [before, itself] = [await unfinished(store, earlier), last.finishedAt === undefined ? [lastJob] : []]

  return [...before, ...itself]
}

/** In a job's metadata: the jobs of earlier ticks that it waits for. */
interface Behind {
  readonly behind?: readonly string[]
}

/** Of more, those that end first are waited for, and the latest. */
const mostBehind = 100

function behind({ after: _, ...job }: NewJob, ids: readonly string[]): NewJob {
  const { behind: __, ...own } = JSON.parse(job.metadata ?? '{}') as Behind
  if (ids.length === 0) return { ...job, metadata: JSON.stringify(own) }
  const on = ids.length > mostBehind ? [...ids.slice(0, mostBehind - 1), ids.at(-1)!] : ids

  return { ...job, metadata: JSON.stringify({ ...own, behind: on }), after: { on, otherwise: 'run' } }
}

/** Of these jobs. What is no longer there has ended. */
async function unfinished(store: Store, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const jobs = await store.get(ids)

  return ids.filter((_, index) => {
    const job = jobs[index]
    return job && job !== 'gone' && job.finishedAt === undefined
  })
}
