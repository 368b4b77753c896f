/** One listener of events: a buffer with an end, which says `lost` once when it was too full. */
import type { EventFilter, JobEvent, JobRecord, StoreEvent } from '../store.ts'

const longest = 1_000

export class Subscription {
  readonly #filter: EventFilter
  readonly #ids: ReadonlySet<string> | undefined
  readonly #onEnd: () => void
  #buffer: StoreEvent[] = []
  #snapshot: StoreEvent | undefined
  #told = false
  #begun = false
  #ended = false
  #wake: () => void = () => {}

  constructor(filter: EventFilter, onEnd: () => void) {
    this.#filter = filter
    this.#ids = filter.ids && new Set(filter.ids)
    this.#onEnd = onEnd
  }

  /** From here on events are for it: what was told before is in its snapshot. */
  open(): void {
    this.#told = true
  }

  begin(jobs: readonly JobRecord[]): void {
    this.#snapshot = { kind: 'snapshot', jobs }
    this.#begun = true
    this.#wake()
  }

  offer(event: JobEvent): void {
    if (this.#ended || !this.#told || !this.#wants(event)) return
    if (this.#buffer.length >= longest) this.#buffer = [{ kind: 'lost' }]
    this.#buffer.push({ kind: 'job', event })
    this.#wake()
  }

  /** Something may not have been heard. */
  lose(): void {
    if (this.#ended || !this.#told) return
    this.#buffer = [{ kind: 'lost' }]
    this.#wake()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#buffer = []
    this.#snapshot = undefined
    this.#onEnd()
    this.#wake()
  }

  async next(): Promise<StoreEvent | undefined> {
    while (!this.#ended && (!this.#begun || (!this.#snapshot && this.#buffer.length === 0))) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const first = this.#snapshot
    this.#snapshot = undefined
    return first ?? this.#buffer.shift()
  }

  #wants({ id, task, queue }: JobEvent): boolean {
    const { tasks, queues } = this.#filter
    if (this.#ids && !this.#ids.has(id)) return false
    if (tasks && !tasks.includes(task)) return false
    return !queues || queues.includes(queue)
  }
}
