/**
 * Who in this process waits to hear: sleeping workers, callers that wait for a result, listeners of events.
 *
 * One channel for all of a store. Its notifications: `w1,2` there is work for these workers, `c1` this worker is
 * called, `u1` upkeep is due and this worker is to see to it, `f<id>` this job is final or gone,
 * `e<no> <part> <parts> <text>` an event, `l<token>` a listener has begun.
 */
import type { Env } from '../../env.ts'
import { jobStates } from '../../job.ts'
import type { EventFilter, JobEvent, WaitResult } from '../store.ts'
import { Waiters, waitToHear } from '../waiting.ts'
import { OpenedSubscription } from './opened-subscription.ts'

interface Sleeper {
  readonly worker: number
  readonly queues: readonly string[]
  readonly wake: (why: WaitResult) => void
}

export class News {
  readonly #env: Env
  readonly #upkeepDue: (worker: number) => void
  readonly #sleepers = new Set<Sleeper>()
  readonly #finals = new Waiters<string>()
  readonly #subscriptions = new Set<OpenedSubscription>()
  readonly #tokens = new Map<string, () => void>()
  readonly #parts = new Map<string, string[]>()
  /** Whether notifications arrive at all. */
  listening = false

  /** `upkeepDue`: this worker is to see to it, one of another process perhaps. */
  constructor(env: Env, upkeepDue: (worker: number) => void) {
    this.#env = env
    this.#upkeepDue = upkeepDue
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  hear(payload: string): void {
    const rest = payload.slice(1)
    if (payload.startsWith('w')) this.#wakeAll(rest.split(',').map(Number), 'work')
    else if (payload.startsWith('c')) this.#wakeAll([Number(rest)], 'control')
    else if (payload.startsWith('u')) this.#callForUpkeep(Number(rest))
    else if (payload.startsWith('f')) this.#finals.tell(rest)
    else if (payload.startsWith('l')) this.#tokens.get(rest)?.()
    else if (payload.startsWith('e') && this.#subscriptions.size > 0) this.#hearPart(rest)
  }

  /** Somebody sleeps here who takes from this queue. */
  isAwaited(queue: string): boolean {
    for (const { queues } of this.#sleepers) if (queues.includes(queue)) return true
    return false
  }

  /**
   * There is work in this queue, brought by this very process: its own sleepers need not wait for the server to say so.
   * True if there are any.
   */
  arrived(queue: string): boolean {
    let slept = false
    for (const sleeper of this.#sleepers) {
      if (!sleeper.queues.includes(queue)) continue
      sleeper.wake('work')
      slept = true
    }
    return slept
  }

  /** What was told meanwhile is lost, so everybody looks. */
  missed(): void {
    for (const sleeper of this.#sleepers) sleeper.wake('work')
    this.#finals.tellAll()
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
    return waitToHear<WaitResult>(this.#env, { ms, signal, otherwise: 'time' }, (wake, fail) => {
      const sleeper = { worker, queues, wake }
      this.#sleepers.add(sleeper)
      look().then((answer) => answer && wake(answer), fail)
      return () => this.#sleepers.delete(sleeper)
    })
  }

  /** Waits until one of these jobs is final or removed, `ms` have passed, or the signal is aborted. */
  someFinal(ids: readonly string[], ms: number, signal: AbortSignal): Promise<void> {
    return waitToHear<void>(this.#env, { ms, signal, otherwise: undefined }, (wake) => this.#finals.add(ids, wake))
  }

  subscribe(filter: EventFilter, onEnd: () => void): OpenedSubscription {
    const subscription = new OpenedSubscription(filter, () => {
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
    this.#finals.tellAll()
    for (const subscription of this.#subscriptions) subscription.end()
  }

  #wakeAll(workers: readonly number[], why: WaitResult) {
    for (const sleeper of this.#sleepers) if (workers.includes(sleeper.worker)) sleeper.wake(why)
  }

  #callForUpkeep(worker: number) {
    this.#upkeepDue(worker)
    this.#wakeAll([worker], 'work')
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
}
