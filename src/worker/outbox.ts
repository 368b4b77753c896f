/** What the store is to be told: how runs ended, and jobs that are given back. Kept until it is known to have been heard. */
import type { Claim, StoreLimits, Turn } from '../store/store.ts'
import type { Ended } from './tell.ts'

export type GivenBack = Turn['givenBack'][number]

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

export class Outbox {
  #ended: Ended[] = []
  #givenBack: GivenBack[] = []
  /** What the turn under way carries. */
  #sentEnded: Ended[] = []
  #sentGivenBack: GivenBack[] = []

  get isEmpty(): boolean {
    return this.#ended.length === 0 && this.#givenBack.length === 0
  }

  add(ended: Ended): void {
    this.#ended.push(ended)
  }

  giveBack(back: GivenBack): void {
    this.#givenBack.push(back)
  }

  /** What the next turn is to carry, as much as a call may; kept until `heard`, `sort` or `clear`. */
  send(limits: StoreLimits): Pick<Turn, 'settled' | 'givenBack'> {
    const count = fitting(this.#ended, limits)
    const ended = this.#ended.slice(0, count)
    const givenBack = this.#givenBack.slice(0, limits.jobsPerCall)
    this.#ended = this.#ended.slice(count)
    this.#givenBack = this.#givenBack.slice(limits.jobsPerCall)
    this.#sentEnded = ended
    this.#sentGivenBack = givenBack

    return { settled: ended.map(({ settlement }) => settlement), givenBack }
  }

  /** The turn was answered. Gives the ends it carried. */
  heard(): readonly Ended[] {
    const ended = this.#sentEnded
    this.#sentEnded = []
    this.#sentGivenBack = []

    return ended
  }

  /** The turn was not answered: what is still held is sent again. Gives the ends that were recorded after all. */
  sort(isHeld: (claim: Claim) => boolean): readonly Ended[] {
    const givenBack = this.#sentGivenBack
    const ended = this.heard()
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

  /** Nothing of this will be told any more. Gives the ends that were not, as far as is known. */
  clear(): readonly Ended[] {
    const ended = [...this.heard(), ...this.#ended]
    this.#ended = []
    this.#givenBack = []

    return ended
  }
}
