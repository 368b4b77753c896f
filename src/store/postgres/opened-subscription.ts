/** A listener that hears of everybody's events before its own turn has come: what was told till then is in its snapshot. */
import type { JobEvent } from '../store.ts'
import { Subscription } from '../subscription.ts'

export class OpenedSubscription extends Subscription {
  #opened = false

  /** From here on events are for it. */
  open(): void {
    this.#opened = true
  }

  override offer(event: JobEvent): void {
    if (this.#opened) super.offer(event)
  }

  override lose(): void {
    if (this.#opened) super.lose()
  }
}
