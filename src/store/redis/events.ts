/**
 * Events: published by the scripts only while some process has a listener's lease, numbered without gaps.
 */
import type { Env, Timer } from '../../env.ts'
import type { JobError, StoredLine, Progress } from '../../job.ts'
import type { EventFilter, JobEvent, JobEventKind, JobRecord, StoreEvent } from '../store.ts'
import { NumberedSubscription } from './numbered-subscription.ts'
import type { Post } from './post.ts'
import { stateOf } from './record.ts'
import type { Extras } from './wanted.ts'

const listenMs = 30_000
const renewMs = 10_000

/** Renews the lease. Answers the number of the last message, and whether the lease had held until now. */
type Listen = (ms: number) => Promise<{ readonly number: number; readonly held: boolean }>

export interface EventSource {
  readonly env: Env
  readonly post: Post
  readonly listen: Listen
  readonly unlisten: () => Promise<unknown>
  /** The jobs as they are, and the number of the last message before. */
  readonly snapshot: (ids: readonly string[]) => Promise<{ readonly number: number; readonly jobs: JobRecord[] }>
}

type RawEvent = readonly [
  kind: JobEventKind,
  id: string,
  kindOfJob: string,
  state: string,
  attempt: number,
  extras: string,
  more: '' | 'error' | 'progress' | 'line',
  value: string,
]

export class Events {
  readonly #source: EventSource
  readonly #subscriptions = new Set<NumberedSubscription>()
  #last: number | undefined
  #renewal: Timer | undefined
  #closed = false

  constructor(source: EventSource) {
    this.#source = source
  }

  async *listen(filter: EventFilter, signal: AbortSignal): AsyncGenerator<StoreEvent> {
    if (signal.aborted) return
    const subscription = new NumberedSubscription(filter)
    this.#subscriptions.add(subscription)
    try {
      yield* subscription.events(signal, () => this.#begin(subscription, filter))
    } finally {
      this.#subscriptions.delete(subscription)
      if (this.#subscriptions.size === 0) this.#stop()
    }
  }

  close(): void {
    this.#closed = true
    this.#renewal?.cancel()
    for (const subscription of this.#subscriptions) subscription.end()
  }

  async #begin(subscription: NumberedSubscription, { ids = [] }: EventFilter) {
    await this.#source.post.hearEvents(this.#take, () => this.#lose())
    if (!this.#renewal) await this.#renew()
    const { number, jobs } = await this.#source.snapshot(ids)
    subscription.beginAt(number, jobs)
  }

  readonly #take = (message: string): void => {
    const [number, at, raw] = JSON.parse(message) as [number, string, readonly RawEvent[]]
    // One that is not the next: some are missing, or the server has lost its data and counts from one again.
    if (this.#last !== undefined && number !== this.#last + 1) this.#lose()
    this.#last = number
    const events = raw.map((event) => eventFrom(event, Number(at)))
    for (const subscription of this.#subscriptions) subscription.hear(number, events)
  }

  #lose() {
    for (const subscription of this.#subscriptions) subscription.lose()
  }

  async #renew(): Promise<void> {
    this.#renewal?.cancel()
    this.#renewal = this.#source.env.after(renewMs, () => void this.#renew().catch(() => {}))
    const { held, number } = await this.#source.listen(listenMs)
    // While nobody held a lease, nothing was published.
    if (!held && this.#last !== undefined) {
      this.#last = number
      this.#lose()
    }
  }

  #stop() {
    this.#renewal?.cancel()
    this.#renewal = undefined
    this.#last = undefined
    if (this.#closed) return
    // The lease ends by itself where this fails.
    this.#source.unlisten().catch(() => {})
    this.#source.post.ignoreEvents().catch(() => {})
  }
}

function eventFrom([kind, id, kindOfJob, state, attempt, extrasText, more, value]: RawEvent, at: number): JobEvent {
  const [queue, task] = JSON.parse(kindOfJob) as [string, string]
  const { r: redact } = extrasText === '' ? {} : (JSON.parse(extrasText) as Extras)
  return {
    kind,
    at,
    id,
    task,
    queue,
    state: stateOf(state),
    attempt,
    ...(redact && { redact }),
    ...(more === 'error' && { error: JSON.parse(value) as JobError }),
    ...(more === 'progress' && { progress: JSON.parse(value) as Progress }),
    ...(more === 'line' && { line: JSON.parse(value) as StoredLine }),
  }
}
