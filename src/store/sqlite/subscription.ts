/** One listener of events: a buffer with an end, which says `lost` once when it was too full. */
import type { EventFilter, JobEvent, JobRecord, StoreEvent } from '../store.ts'

const longest = 10_000

export class Subscription {
  readonly #filter: EventFilter
  readonly #ids: ReadonlySet<string> | undefined
  #buffer: StoreEvent[] = []
  #ended = false
  #wake: () => void = () => {}

  constructor(filter: EventFilter, jobs: readonly JobRecord[]) {
    this.#filter = filter
    this.#ids = filter.ids && new Set(filter.ids)
    this.#push({ kind: 'snapshot', jobs })
  }

  offer(event: JobEvent): void {
    if (this.#ended || !this.#wants(event)) return
    if (this.#buffer.length >= longest) this.lose()
    else this.#push({ kind: 'job', event })
  }

  /** What was not read yet is of no use without what is missing. */
  lose(): void {
    this.#buffer = []
    this.#push({ kind: 'lost' })
  }

  end(): void {
    this.#ended = true
    this.#buffer = []
    this.#wake()
  }

  /** All that has come, or undefined at the end. */
  async next(): Promise<StoreEvent[] | undefined> {
    while (this.#buffer.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#ended ? undefined : this.#buffer.splice(0)
  }

  #push(event: StoreEvent): void {
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
