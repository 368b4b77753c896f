/**
 * Turns with the store: what each carries and asks for, and how many are under way.
 *
 * One follows the other, and what ends meanwhile goes with the next. Where the store takes several at once, another is
 * sent beside the one under way as soon as half of what a call may carry has gathered, or as much can be claimed, and a
 * third when that would fill a call: so the store works while the jobs it handed out before run.
 */
import type { Runtime } from '../runtime.ts'
import type { IncarnationId, Room, Store, StoreLimits, TurnResult } from '../store/store.ts'
import type { Crew } from './crew.ts'
import type { Lease } from './lease.ts'
import type { Reports } from './reports.ts'
import type { Results } from './results.ts'
import type { Slots } from './slots.ts'

export interface TurnParts {
  readonly crew: Crew
  readonly results: Results
  readonly reports: Reports
  readonly lease: Lease
  readonly store: () => Store
  readonly incarnation: () => IncarnationId
  /** Whether new jobs may be claimed. */
  readonly claims: () => boolean
}

interface Asked {
  readonly slots: Slots
  readonly room: Room
}

/**
 * A call that carries less would cost the store more than the wait for the one before it. While another waits there already,
 * only a full one is worth it.
 */
const worthShare = (underWay: number) => (underWay > 1 ? 1 : 0.5)

export class Turns {
  readonly #runtime: Runtime
  readonly #parts: TurnParts
  #underWay: readonly Promise<unknown>[] = []

  constructor(runtime: Runtime, parts: TurnParts) {
    this.#runtime = runtime
    this.#parts = parts
  }

  get underWay(): number {
    return this.#underWay.length
  }

  /**
   * Whether another turn now would be worth its call, and the store takes it beside those under way. `more`: the latest
   * answer said that there may be more to claim.
   */
  isWorthAnother(more: boolean): boolean {
    const { limits } = this.#parts.store()
    if (this.#underWay.length >= limits.turnsInFlight) return false
    const worth = limits.jobsPerCall * worthShare(this.#underWay.length)

    return this.#parts.results.ends >= worth || (more && this.#space(limits) >= worth)
  }

  /** Resolves when one of those under way has been answered or has failed. */
  async one(): Promise<void> {
    await Promise.race(this.#underWay.map((turn) => turn.catch(() => {})))
  }

  /** Resolves when none is under way. */
  async none(): Promise<void> {
    while (this.#underWay.length > 0) await this.one()
  }

  /** Takes a turn. What it carried is told when it is answered; when it fails, only `resync` can say. */
  take(): Promise<TurnResult> {
    const turn = this.#take()
    this.#underWay = [...this.#underWay, turn]
    const over = () => {
      this.#underWay = this.#underWay.filter((other) => other !== turn)
    }
    turn.then(over, over)

    return turn
  }

  async #take(): Promise<TurnResult> {
    const { crew, results, reports, lease } = this.#parts
    const { env } = this.#runtime
    const store = this.#parts.store()
    // Gathered first: what ends while reports are written goes with the next turn, after its own reports.
    for (const slots of crew.slots) slots.measure(env.monotonic())
    crew.giveBackLate()
    const parcel = results.send(store.limits)
    const writing = reports.pending ? reports.flush() : reports.flushing
    if (writing) await writing
    const asked = this.#ask(store.limits)
    const sentAt = env.monotonic()

    env.point('worker.before-turn')
    const answer = await this.#send(parcel, asked)
    env.point('worker.after-turn')
    if (answer.gone) return answer

    lease.renewed(sentAt)
    results.recorded(parcel, answer.stale)
    return answer
  }

  async #send({ settled, givenBack }: ReturnType<Results['send']>, asked: readonly Asked[]): Promise<TurnResult> {
    const { store, incarnation, results } = this.#parts
    const { env } = this.#runtime
    const sentAt = env.monotonic()
    for (const { slots, room } of asked) slots.asked += room.jobs
    try {
      return await store().turn({
        incarnation: incarnation(),
        settled,
        givenBack,
        room: asked.map(({ room }) => room),
        park: !results.waiting,
      })
    } finally {
      for (const { slots, room } of asked) {
        slots.asked -= room.jobs
        slots.pace.answered(env.monotonic() - sentAt)
      }
    }
  }

  /** Each group gets its share of a call, lest one that is quick takes all that it may bring. */
  #ask({ jobsPerCall, turnsInFlight }: StoreLimits): Asked[] {
    const { crew, claims } = this.#parts
    if (!claims()) return []

    return crew.slots.flatMap((slots) => {
      const room = slots.room(share(jobsPerCall, crew), turnsInFlight)
      return room ? { slots, room } : []
    })
  }

  #space({ jobsPerCall, turnsInFlight }: StoreLimits): number {
    const { crew, claims } = this.#parts
    if (!claims()) return 0

    return crew.slots.reduce((sum, slots) => sum + slots.space(share(jobsPerCall, crew), turnsInFlight), 0)
  }
}

const share = (jobsPerCall: number, { slots }: Crew) => Math.max(1, Math.floor(jobsPerCall / slots.length))
