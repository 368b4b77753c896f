/** One listener of events: a buffer with an end, which says `lost` once when it was too full. */
import type { EventFilter, JobEvent, JobRecord, StoreEvent } from '../store.ts'

const longest = 1_000

export class Subscription {
  readonly #filter: EventFilter
  readonly #ids: ReadonlySet<string> | undefined
  readonly #onEnd: () => void
  #buffer: StoreEvent[] = []
  #ended = false
  #wake: () => void = () => {}

  constructor(filter: EventFilter, onEnd: () => void) {
    this.#filter = filter
    this.#ids = filter.ids && new Set(filter.ids)
    this.#onEnd = onEnd
  }

  begin(jobs: readonly JobRecord[]): void {
    this.#push({ kind: 'snapshot', jobs })
  }

  offer(event: JobEvent): void {
    if (this.#ended || !this.#wants(event)) return
    if (this.#buffer.length >= longest) this.#buffer = [{ kind: 'lost' }]
    this.#push({ kind: 'job', event })
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#buffer = []
    this.#onEnd()
    this.#wake()
  }

  async next(): Promise<IteratorResult<StoreEvent>> {
    while (this.#buffer.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const value = this.#buffer.shift()
    return value ? { done: false, value } : { done: true, value: undefined }
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
