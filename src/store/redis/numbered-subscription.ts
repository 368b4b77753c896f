/** A listener of events that come in numbered messages, also while its snapshot is being taken. */
import type { JobEvent, JobRecord } from '../store.ts'
import { Subscription } from '../subscription.ts'

export class NumberedSubscription extends Subscription {
  /** Number of the last message that its snapshot has in it. */
  #from: number | undefined
  #early: { readonly number: number; readonly events: readonly JobEvent[] }[] = []

  /** What came while the snapshot was taken is told if the snapshot does not show it. */
  beginAt(number: number, jobs: readonly JobRecord[]): void {
    this.#from = number
    this.begin(jobs)
    for (const { number, events } of this.#early.splice(0)) this.#offerLater(number, events)
  }

  hear(number: number, events: readonly JobEvent[]): void {
    if (this.#from === undefined) return void this.#early.push({ number, events })
    // The server has lost its data, and counts anew.
    if (number === 1 && this.#from > 0) this.lose()
    this.#offerLater(number, events)
  }

  override lose(): void {
    if (this.#from === undefined) return
    // What follows may be numbered from one again.
    this.#from = 0
    super.lose()
  }

  #offerLater(number: number, events: readonly JobEvent[]) {
    if (number > this.#from!) for (const event of events) this.offer(event)
  }
}
