/** What became of jobs: on its way to the store, and told to listeners here once it is recorded. */
import type { Runtime } from '../runtime.ts'
import type { Claim, ClaimedJob, GivenBack, StoreLimits } from '../store/store.ts'
import type { OutcomeEnd } from './execute.ts'
import { limiting } from './holding.ts'
import { Outbox, type Parcel } from './outbox.ts'
import type { Run } from './run.ts'
import { tellEnd } from './tell.ts'

export type WhyGivenBack = 'late' | 'stopping' | 'lost' | 'unknown task'

export class Results {
  readonly #runtime: Runtime
  readonly #outbox = new Outbox()
  /** A job has ended without a turn, so there may be others that follow it. */
  #moved = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** The store has something to be told that no turn carries yet, or should be asked. */
  get waiting(): boolean {
    return this.#moved || !this.#outbox.isEmpty
  }

  /** How many ends no turn carries yet. */
  get ends(): number {
    return this.#outbox.ends
  }

  ended(run: Run, end: OutcomeEnd, ranMs: number): void {
    const { outcome, followUps } = end
    const claim = run.claimed
    const settlement = followUps ? { claim, outcome, ranMs, followUps } : { claim, outcome, ranMs }
    if (outcome.kind === 'succeeded') return this.#outbox.add({ run, end, settlement })

    const limits = limiting(run, end, ranMs, this.#runtime.env.now())
    this.#outbox.add({ run, end, settlement: { ...settlement, ...limits } })
  }

  /** By a transaction of its handler's own. */
  recordedAlready(run: Run, end: OutcomeEnd, ranMs: number): void {
    this.#moved = true
    tellEnd(this.#runtime, { run, end, settlement: { claim: run.claimed, outcome: end.outcome, ranMs } })
  }

  /** Without a reason nobody here is told. */
  giveBack(job: ClaimedJob, why?: WhyGivenBack, more: Omit<GivenBack, 'claim'> = {}): void {
    this.#outbox.giveBack({ claim: job, ...more })
    if (!why || !this.#runtime.bus.hears('given back')) return
    const { id, task, queue, attempt } = job
    this.#runtime.bus.emit('given back', { id, task, queue, attempt, why })
  }

  /** What the next turn is to carry; kept until `recorded` or `resynced`. */
  send(limits: StoreLimits): Parcel {
    this.#moved = false

    return this.#outbox.send(limits)
  }

  /** Its turn was answered: all it carried is recorded, except what was stale. */
  recorded(parcel: Parcel, stale: readonly Claim[]): void {
    this.#outbox.heard(parcel)
    const refused = stale.length > 0 ? new Set(stale.map(({ id }) => id)) : undefined

    for (const ended of parcel.ended) {
      if (!refused?.has(ended.run.id)) tellEnd(this.#runtime, ended)
      else if (ended.run.completed) {
        refused.delete(ended.run.id)
        tellEnd(this.#runtime, { ...ended, end: ended.run.completed })
      }
    }
    for (const claim of stale) if (refused!.has(claim.id)) this.#runtime.bus.emit('stale', { claim })
  }

  /** After an unknown outcome, when no turn is under way: what is still held will be sent again. */
  resynced(isHeld: (claim: Claim) => boolean): void {
    for (const recorded of this.#outbox.sort(isHeld)) {
      // What one recorded that called `succeed` hangs on a transaction nobody here has heard of.
      if (!recorded.run.completed) tellEnd(this.#runtime, recorded)
    }
  }

  has(claim: Claim): boolean {
    return this.#outbox.has(claim)
  }

  /** Gives up recording what has ended. Answers whether any of it had started. */
  forget(): boolean {
    this.#moved = false
    const { hasStarted } = this.#outbox
    // What ended in a transaction of its own is as final as that.
    for (const { run } of this.#outbox.clear())
      if (!run.completed) this.#runtime.bus.emit('stale', { claim: run.claimed })

    return hasStarted
  }
}
