/**
 * Who waits to hear in this process: sleeping workers, and callers that wait for a result.
 *
 * What this process commits is told at once. What others commit is looked for when the lookout has
 * seen a commit; it watches only while somebody waits.
 */
import type { Env } from '../../env.ts'
import { soonMs } from '../soon.ts'
import type { WaitResult } from '../store.ts'
import { Waiters, waitToHear } from '../waiting.ts'
import type { Connection } from './connection.ts'
import type { Lookout } from './lookout.ts'
import { firstMoment } from './soon.ts'
import type { Step } from './step.ts'
import { hasWork, isCalled } from './turn.ts'

interface Sleeper {
  readonly incarnation: number
  readonly queues: readonly string[]
  readonly wake: (why: WaitResult) => void
}

/** What an incarnation could know at its last turn. */
interface Seen {
  readonly arrivals: number
  readonly version: number
}

export class News {
  readonly #env: Env
  readonly #connection: Connection
  readonly #lookout: Lookout
  readonly #sleepers = new Set<Sleeper>()
  readonly #awaited = new Waiters<number>()
  /** When work last came to a queue, counted in commits of this process. */
  readonly #arrivedAt = new Map<number, number>()
  readonly #seen = new Map<string, Seen>()
  #arrivals = 0
  /** When the first job is due or expires, or the first group is ripe, as this process has last seen it. */
  #firstDue = Infinity
  /** Whether the latest step of this process has brought work to a worker of it that was asleep. */
  hasWokenWorker = false

  constructor(env: Env, connection: Connection, lookout: Lookout) {
    this.#env = env
    this.#connection = connection
    this.#lookout = lookout
    lookout.onCommit(() => this.#lookAround())
  }

  /** Call in the transaction that looks for work, before it looks. */
  noteTurn(incarnation: string): void {
    this.#seen.set(incarnation, { arrivals: this.#arrivals, version: this.#lookout.version() })
  }

  forget(incarnation: string): void {
    this.#seen.delete(incarnation)
  }

  /** Whether this process has brought something to these queues since the incarnation's last turn. */
  hasHeard(incarnation: string, queues: readonly string[]): boolean {
    const seen = this.#seen.get(incarnation)
    if (!seen || seen.arrivals === this.#arrivals) return false

    return queues.some((name) => {
      const queue = this.#connection.names.findQueue(name)
      return queue !== undefined && (this.#arrivedAt.get(queue) ?? 0) > seen.arrivals
    })
  }

  /** Whether something may have come to these queues since the incarnation's last turn. */
  hasArrivals(incarnation: string, queues: readonly string[]): boolean {
    const seen = this.#seen.get(incarnation)
    if (this.hasHeard(incarnation, queues)) return true
    if (seen && seen.version === this.#lookout.version()) return false
    return this.#fallsDueSooner() || hasWork(this.#reading(), queues)
  }

  /** What the transaction that this is called in sees of others' commits: `sleep` wakes by whatever comes after it. */
  version(): number {
    return this.#lookout.version()
  }

  sleep(
    { n: incarnation, since }: { n: number; since: number },
    queues: readonly string[],
    ms: number,
    signal: AbortSignal,
  ): Promise<WaitResult> {
    return this.#until<WaitResult>(ms, signal, since, 'time', (wake) => {
      const sleeper = { incarnation, queues, wake }
      this.#sleepers.add(sleeper)
      return () => this.#sleepers.delete(sleeper)
    })
  }

  /** Waits until one of these jobs is final or removed. */
  async someEnded(seqs: readonly number[], since: number, ms: number, signal: AbortSignal): Promise<void> {
    await this.#until<void>(ms, signal, since, undefined, (wake) => this.#awaited.add(seqs, wake))
  }

  /** A step of this process is durable. */
  tell({ wokenQueues, called, ended }: Step): void {
    if (wokenQueues.size > 0) {
      this.#arrivals++
      for (const queue of wokenQueues) this.#arrivedAt.set(queue, this.#arrivals)
    }
    const asleep = this.#sleepers.size
    for (const sleeper of this.#sleepers) this.#wakeLocally(sleeper, wokenQueues, called)
    this.hasWokenWorker = this.#sleepers.size < asleep
    for (const seq of ended) this.#awaited.tell(seq)
  }

  close(): void {
    for (const sleeper of this.#sleepers) sleeper.wake('control')
    this.#awaited.tellAll()
  }

  #wakeLocally({ incarnation, queues, wake }: Sleeper, woken: ReadonlySet<number>, called: ReadonlySet<number>): void {
    if (called.has(incarnation)) return wake('control')
    if (woken.size === 0) return
    const { names } = this.#connection
    if (queues.some((name) => woken.has(names.findQueue(name) ?? -1))) wake('work')
  }

  /** Another process has committed something. */
  #lookAround(): void {
    const reading = this.#reading()
    const sooner = this.#fallsDueSooner()
    for (const { incarnation, queues, wake } of this.#sleepers) {
      const life = reading.sql.incarnationId.get(incarnation)
      if (!life || isCalled(reading, incarnation)) wake('control')
      else if (sooner || hasWork(reading, queues)) wake('work')
    }
    const { names: awaited } = this.#awaited
    if (awaited.length === 0) return

    const ended = reading.sql.endedOf.all(JSON.stringify(awaited)) as { seq: number }[]
    for (const { seq } of ended) this.#awaited.tell(seq)
  }

  /** Another process has begun a group, or brought what is due soon: whoever sleeps must hear when it will be time. */
  #fallsDueSooner(): boolean {
    const [known, now] = [this.#firstDue, this.#env.now()]
    const group = this.#connection.sql.firstRipe.get() as { ripe: number } | undefined
    const job = firstMoment(this.#connection)
    this.#firstDue = Math.min(group?.ripe ?? Infinity, job <= now + soonMs ? job : Infinity)

    // What was known and is past has been told.
    return this.#firstDue > now && this.#firstDue < (known > now ? known : Infinity)
  }

  #reading() {
    const { sql, names } = this.#connection
    return { sql, names, now: this.#env.now(), monotonic: this.#env.monotonic() }
  }

  #until<T>(
    ms: number,
    signal: AbortSignal,
    since: number,
    otherwise: T,
    listen: (wake: (why: T) => void) => () => void,
  ): Promise<T> {
    return waitToHear<T>(this.#env, { ms, signal, otherwise }, (wake) => {
      const leave = this.#lookout.join(since)
      const forget = listen(wake)
      return () => {
        leave()
        forget()
      }
    })
  }
}
