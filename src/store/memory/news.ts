/**
 * Who is waiting to hear: sleeping workers, callers that wait for a result, listeners.
 *
 * Nobody is called from inside a step: promises are resolved and buffers filled, and
 * what hears of it runs when the step is over.
 */
import type { Env } from '../../env.ts'
import type { Entry } from './entry.ts'
import type { EventFilter, IncarnationId, JobEvent, JobEventKind, WaitResult } from '../store.ts'
import { Subscription } from '../subscription.ts'
import { Waiters, waitToHear } from '../waiting.ts'

interface Sleeper {
  readonly incarnation: IncarnationId
  readonly queues: ReadonlySet<string>
  readonly wake: (why: WaitResult) => void
}

export class News {
  readonly #env: Env
  readonly #sleepers = new Set<Sleeper>()
  readonly #finals = new Waiters<string>()
  readonly #subscriptions = new Set<Subscription>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Sleeps until one of `queues` has work, the incarnation is called, time is up, or the signal is aborted. */
  sleep(incarnation: IncarnationId, queues: readonly string[], ms: number, signal: AbortSignal): Promise<WaitResult> {
    return waitToHear<WaitResult>(this.#env, { ms, signal, otherwise: 'time' }, (wake) => {
      const sleeper = { incarnation, queues: new Set(queues), wake }
      this.#sleepers.add(sleeper)
      return () => this.#sleepers.delete(sleeper)
    })
  }

  /** Waits until one of these jobs is final or removed, time is up, or the signal is aborted. */
  async someFinal(ids: readonly string[], ms: number, signal: AbortSignal): Promise<void> {
    await waitToHear<void>(this.#env, { ms, signal, otherwise: undefined }, (wake) => this.#finals.add(ids, wake))
  }

  subscribe(filter: EventFilter): Subscription {
    const subscription = new Subscription(filter, () => this.#subscriptions.delete(subscription))
    this.#subscriptions.add(subscription)
    return subscription
  }

  work(queue: string): void {
    for (const sleeper of this.#sleepers) if (sleeper.queues.has(queue)) sleeper.wake('work')
  }

  control(incarnation: IncarnationId): void {
    for (const sleeper of this.#sleepers) if (sleeper.incarnation === incarnation) sleeper.wake('control')
  }

  final(id: string): void {
    this.#finals.tell(id)
  }

  tell(kind: JobEventKind, entry: Entry, more?: Partial<JobEvent>): void {
    if (this.#subscriptions.size === 0) return

    const { id, state, attempt } = entry
    const { task, queue, redact } = entry.job
    const event = { kind, at: this.#env.now(), id, task, queue, state, attempt, ...(redact && { redact }), ...more }
    for (const subscription of this.#subscriptions) subscription.offer(event)
  }

  close(): void {
    for (const sleeper of this.#sleepers) sleeper.wake('control')
    this.#finals.tellAll()
    for (const subscription of this.#subscriptions) subscription.end()
  }
}
