/** What the store is to be told: how runs ended, and jobs that are given back. Kept until it is known to have been heard. */
import type { Claim, GivenBack, Settlement, StoreLimits } from '../store/store.ts'
import type { Ended } from './tell.ts'

/** What one turn carries. Each end and each job given back is in one parcel at a time. */
export interface Parcel {
  readonly ended: readonly Ended[]
  readonly settled: readonly Settlement[]
  readonly givenBack: readonly GivenBack[]
}

/** How many of those that have ended fit in one call: one at least. */
function fitting(ended: readonly Ended[], { jobsPerCall, bytesPerCall }: StoreLimits): number {
  const most = Math.min(ended.length, jobsPerCall)
  let size = 0

  for (let count = 0; count < most; count++) {
    const { outcome } = ended[count]!.settlement
    if (outcome.kind === 'succeeded' && outcome.result) size += outcome.result.length
    if (size > bytesPerCall) return Math.max(1, count)
  }
  return most
}

/** The first `count`, and the rest. Mostly all are taken. */
function cut<T>(all: T[], count: number): [T[], T[]] {
  return count >= all.length ? [all, []] : [all.slice(0, count), all.slice(count)]
}

export class Outbox {
  #ended: Ended[] = []
  #givenBack: GivenBack[] = []
  /**
   * What the turns under way carry, or carried whose answer never came. No set: one that changes all the time leaves old
   * tables behind, each of which keeps the next and all that was in it from young collections.
   */
  #sent: readonly Parcel[] = []

  get isEmpty(): boolean {
    return this.#ended.length === 0 && this.#givenBack.length === 0
  }

  /** How many ends wait to be sent. */
  get ends(): number {
    return this.#ended.length
  }

  add(ended: Ended): void {
    this.#ended.push(ended)
  }

  giveBack(back: GivenBack): void {
    this.#givenBack.push(back)
  }

  /** What the next turn is to carry, as much as a call may; kept until `heard`, `sort` or `clear`. */
  send(limits: StoreLimits): Parcel {
    const [ended, later] = cut(this.#ended, fitting(this.#ended, limits))
    const [givenBack, laterBack] = cut(this.#givenBack, limits.jobsPerCall)
    this.#ended = later
    this.#givenBack = laterBack
    const parcel = { ended, settled: ended.map(({ settlement }) => settlement), givenBack }
    if (ended.length + givenBack.length > 0) this.#sent = [...this.#sent, parcel]

    return parcel
  }

  /** Its turn was answered. */
  heard(parcel: Parcel): void {
    this.#sent = this.#sent.filter((sent) => sent !== parcel)
  }

  /** Turns were not answered: what is still held is sent again. Gives the ends that were recorded after all. */
  sort(isHeld: (claim: Claim) => boolean): readonly Ended[] {
    const ended = this.#sent.flatMap((parcel) => parcel.ended)
    const givenBack = this.#sent.flatMap((parcel) => parcel.givenBack)
    this.#sent = []
    this.#ended = [...ended.filter(({ settlement }) => isHeld(settlement.claim)), ...this.#ended]
    this.#givenBack = [...givenBack.filter(({ claim }) => isHeld(claim)), ...this.#givenBack]

    return ended.filter(({ settlement }) => !isHeld(settlement.claim))
  }

  has({ id, claim }: Claim): boolean {
    const same = (other: Claim) => other.id === id && other.claim === claim

    return (
      this.#ended.some(({ settlement }) => same(settlement.claim)) || this.#givenBack.some((back) => same(back.claim))
    )
  }

  /** Whether it knows of jobs that have started. */
  get hasStarted(): boolean {
    const parcels = [...this.#sent, { ended: this.#ended, givenBack: this.#givenBack }]

    return parcels.some(({ ended, givenBack }) => ended.length > 0 || givenBack.some(({ started }) => started))
  }

  /** Nothing of this will be told any more. Gives the ends that were not, as far as is known. */
  clear(): readonly Ended[] {
    const ended = [...this.#sent.flatMap((parcel) => parcel.ended), ...this.#ended]
    this.#sent = []
    this.#ended = []
    this.#givenBack = []

    return ended
  }
}
