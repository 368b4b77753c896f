/**
 * Who in this process waits to hear: sleeping workers, callers that wait for a result, listeners of events.
 *
 * One channel for all of a store. Its notifications: `w1,2` there is work for these workers, `c1` this worker is
 * called, `f<id>` this job is final or gone, `e<no> <part> <parts> <text>` an event, `l<token>` a listener has begun.
 */
import type { Env } from '../../env.ts'
import { jobStates } from '../../job.ts'
import type { EventFilter, JobEvent, WaitResult } from '../store.ts'
import { Subscription } from './subscription.ts'

interface Sleeper {
  readonly worker: number
  readonly queues: readonly string[]
  readonly wake: (why: WaitResult) => void
}

export class News {
  readonly #env: Env
  readonly #sleepers = new Set<Sleeper>()
  readonly #finals = new Map<string, Set<() => void>>()
  readonly #subscriptions = new Set<Subscription>()
  readonly #tokens = new Map<string, () => void>()
  readonly #parts = new Map<string, string[]>()
  /** Whether notifications arrive at all. */
  listening = false

  constructor(env: Env) {
    this.#env = env
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  hear(payload: string): void {
    const rest = payload.slice(1)
    if (payload.startsWith('w')) this.#wakeAll(rest.split(',').map(Number), 'work')
    else if (payload.startsWith('c')) this.#wakeAll([Number(rest)], 'control')
    else if (payload.startsWith('f')) for (const waiter of this.#finals.get(rest) ?? []) waiter()
    else if (payload.startsWith('l')) this.#tokens.get(rest)?.()
    else if (payload.startsWith('e') && this.#subscriptions.size > 0) this.#hearPart(rest)
  }

  /** There is work in this queue, brought by this very process: its own sleepers need not wait for the server to say so. */
  arrived(queue: string): void {
    for (const sleeper of this.#sleepers) if (sleeper.queues.includes(queue)) sleeper.wake('work')
  }

  /** What was told meanwhile is lost, so everybody looks. */
  missed(): void {
    for (const sleeper of this.#sleepers) sleeper.wake('work')
    for (const waiters of this.#finals.values()) for (const waiter of waiters) waiter()
    for (const subscription of this.#subscriptions) subscription.lose()
    this.#parts.clear()
  }

  /** Sleeps until there is work, the worker is called, `look` has an answer, time is up, or the signal is aborted. */
  async sleep(
    worker: number,
    queues: readonly string[],
    ms: number,
    signal: AbortSignal,
    look: () => Promise<WaitResult | undefined>,
  ): Promise<WaitResult> {
    return this.#until<WaitResult>(ms, signal, 'time', (wake, fail) => {
      const sleeper = { worker, queues, wake }
      this.#sleepers.add(sleeper)
      look().then((answer) => answer && wake(answer), fail)
      return () => this.#sleepers.delete(sleeper)
    })
  }

  /** Waits until one of these jobs is final or removed, `ms` have passed, or the signal is aborted. */
  someFinal(ids: readonly string[], ms: number, signal: AbortSignal): Promise<void> {
    return this.#until<void>(ms, signal, undefined, (wake) => {
      const waiter = () => wake()
      for (const id of ids) this.#finals.set(id, (this.#finals.get(id) ?? new Set()).add(waiter))
      return () => ids.forEach((id) => this.#forget(id, waiter))
    })
  }

  subscribe(filter: EventFilter, onEnd: () => void): Subscription {
    const subscription = new Subscription(filter, () => {
      this.#subscriptions.delete(subscription)
      onEnd()
    })
    this.#subscriptions.add(subscription)
    return subscription
  }

  /** Calls back when the notification with this token is heard. */
  expect(token: string, heard: () => void): void {
    this.#tokens.set(token, () => {
      this.#tokens.delete(token)
      heard()
    })
  }

  expected(token: string): Promise<void> {
    return new Promise((resolve) => this.expect(token, resolve))
  }

  close(): void {
    for (const sleeper of this.#sleepers) sleeper.wake('control')
    for (const waiters of this.#finals.values()) for (const waiter of waiters) waiter()
    for (const subscription of this.#subscriptions) subscription.end()
  }

  #wakeAll(workers: readonly number[], why: WaitResult) {
    for (const sleeper of this.#sleepers) if (workers.includes(sleeper.worker)) sleeper.wake(why)
  }

  #hearPart(text: string) {
    const [, no, part, parts, piece] = /^(\d+) (\d+) (\d+) ([^]*)$/.exec(text)!
    if (parts === '1') return this.#tell(piece!)
    const pieces = this.#parts.get(no!) ?? []
    this.#parts.set(no!, pieces)
    pieces[Number(part)] = piece!
    if (pieces.filter((each) => each !== undefined).length < Number(parts)) return
    this.#parts.delete(no!)
    this.#tell(pieces.join(''))
  }

  #tell(text: string) {
    const { state, ...event } = JSON.parse(text) as Omit<JobEvent, 'state'> & { state: number }
    const told: JobEvent = { ...event, state: jobStates[state]! }
    for (const subscription of this.#subscriptions) subscription.offer(told)
  }

  #until<T>(
    ms: number,
    signal: AbortSignal,
    otherwise: T,
    listen: (wake: (why: T) => void, fail: (error: unknown) => void) => () => void,
  ): Promise<T> {
    if (signal.aborted || ms <= 0) return Promise.resolve(otherwise)

    return new Promise((resolve, reject) => {
      const end = () => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        forget()
      }
      const wake = (why: T) => {
        end()
        resolve(why)
      }
      const onAbort = () => wake(otherwise)
      const timer = this.#env.after(ms, onAbort)
      const forget = listen(wake, (error) => {
        end()
        reject(error)
      })
      signal.addEventListener('abort', onAbort)
    })
  }

  #forget(id: string, waiter: () => void) {
    const waiters = this.#finals.get(id)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#finals.delete(id)
  }
}
