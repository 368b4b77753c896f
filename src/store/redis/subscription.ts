/** One listener of events: a buffer with an end, which says `lost` once when it was too full. */
import type { EventFilter, JobEvent, JobRecord, StoreEvent } from '../store.ts'

const longest = 10_000

export class Subscription {
  readonly #filter: EventFilter
  readonly #ids: ReadonlySet<string> | undefined
  #buffer: StoreEvent[] = []
  #ended = false
  /** Number of the last message that its snapshot has in it. */
  #from: number | undefined
  #early: { readonly number: number; readonly events: readonly JobEvent[] }[] = []
  #wake: () => void = () => {}

  constructor(filter: EventFilter) {
    this.#filter = filter
    this.#ids = filter.ids && new Set(filter.ids)
  }

  /** What came while the snapshot was taken is told if the snapshot does not show it. */
  begin(number: number, jobs: readonly JobRecord[]): void {
    this.#from = number
    this.#push({ kind: 'snapshot', jobs })
    for (const { number, events } of this.#early.splice(0)) this.#offerLater(number, events)
  }

  offer(number: number, events: readonly JobEvent[]): void {
    if (this.#from === undefined) return void this.#early.push({ number, events })
    // The server has lost its data, and counts anew.
    if (number === 1 && this.#from > 0) this.lose()
    this.#offerLater(number, events)
  }

  #offerLater(number: number, events: readonly JobEvent[]) {
    if (number > this.#from!) for (const event of events) this.#offerOne(event)
  }

  /** What was not read yet is of no use without what is missing. */
  lose(): void {
    if (this.#from === undefined) return
    // What follows may be numbered from one again.
    this.#from = 0
    this.#buffer = []
    this.#push({ kind: 'lost' })
  }

  end(): void {
    this.#ended = true
    this.#buffer = []
    this.#wake()
  }

  async next(): Promise<StoreEvent | undefined> {
    while (this.#buffer.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#buffer.shift()
  }

  #offerOne(event: JobEvent) {
    if (this.#ended || !this.#wants(event)) return
    if (this.#buffer.length >= longest) this.lose()
    else this.#push({ kind: 'job', event })
  }

  #push(event: StoreEvent) {
    this.#buffer.push(event)
    this.#wake()
  }

  #wants({ id, task, queue }: JobEvent): boolean {
    const { tasks, queues } = this.#filter
    if (this.#ids && !this.#ids.has(id)) return false
    if (tasks && !tasks.includes(task)) return false
    return !queues || queues.includes(queue)
  }
}
