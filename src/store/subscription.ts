/** One listener of events: a buffer with an end, which says `lost` once when it was too full. */
import type { EventFilter, JobEvent, JobRecord, StoreEvent } from './store.ts'

const longest = 10_000

export class Subscription {
  readonly #filter: EventFilter
  readonly #ids: ReadonlySet<string> | undefined
  /** Heard first, whatever was lost since it was taken. */
  #snapshot: StoreEvent | undefined
  #begun = false
  #buffer: StoreEvent[] = []
  #ended = false
  readonly #onEnd: () => void
  #wake: () => void = () => {}

  constructor(filter: EventFilter, onEnd: () => void = () => {}) {
    this.#filter = filter
    this.#onEnd = onEnd
    this.#ids = filter.ids && new Set(filter.ids)
  }

  begin(jobs: readonly JobRecord[]): void {
    this.#begun = true
    this.#snapshot = { kind: 'snapshot', jobs }
    this.#wake()
  }

  offer(event: JobEvent): void {
    if (this.#ended || !this.#wants(event)) return
    if (this.#buffer.length >= longest) return this.lose()
    this.#buffer.push({ kind: 'job', event })
    this.#wake()
  }

  /** Something may not have been heard. What was not read yet is of no use without it. */
  lose(): void {
    if (this.#ended) return
    this.#buffer = [{ kind: 'lost' }]
    this.#wake()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#onEnd()
    this.#wake()
  }

  /** The snapshot, then what was told since, until it is ended or the signal is aborted. `begin` may take its time. */
  async *events(signal: AbortSignal, begin?: () => Promise<void>): AsyncGenerator<StoreEvent, void> {
    const end = () => this.end()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      await begin?.()
      for (let event = await this.#next(); event; event = await this.#next()) yield event
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }

  async #next(): Promise<StoreEvent | undefined> {
    while (!this.#ended && !this.#snapshot && (!this.#begun || this.#buffer.length === 0)) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    if (this.#ended) return undefined

    const snapshot = this.#snapshot
    this.#snapshot = undefined
    return snapshot ?? this.#buffer.shift()
  }

  #wants({ id, task, queue }: JobEvent): boolean {
    const { tasks, queues } = this.#filter
    if (this.#ids && !this.#ids.has(id)) return false
    if (tasks && !tasks.includes(task)) return false
    return !queues || queues.includes(queue)
  }
}
