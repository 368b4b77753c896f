/**
 * Who waits to hear, in this process: sleeping workers, callers that wait for a job's end, listeners of events.
 *
 * All hear through one subscription. What a script publishes to this handle is a letter and a name: 'w' or 'c' and
 * an incarnation that has work or is called, 'f' and a job that is final. Messages may be lost with a connection, so
 * when it stands again everybody looks for himself.
 */
import type { Env } from '../../env.ts'
import type { WaitResult } from '../store.ts'
import { Waiters, waitToHear } from '../waiting.ts'
import type { RedisConnection } from './connection/connection.ts'

interface Sleep {
  readonly incarnation: string
  readonly queues: readonly string[]
  readonly ms: number
  readonly signal: AbortSignal
}

export class Post {
  /** Names this handle to the scripts. */
  readonly handle: string
  readonly #env: Env
  readonly #connect: () => Promise<RedisConnection>
  readonly #sleepers = new Waiters<string, (why: WaitResult) => void>()
  readonly #asleep = new Map<string, readonly string[]>()
  readonly #finals = new Waiters<string>()
  #onEvents: (message: string) => void = () => {}
  #onLost: () => void = () => {}
  #subscribed: Promise<void> | undefined
  #eventsSubscribed: Promise<void> | undefined

  constructor(env: Env, connect: () => Promise<RedisConnection>) {
    this.handle = env.id()
    this.#env = env
    this.#connect = connect
  }

  /** Resolves when what is sent to this handle arrives. */
  ready(): Promise<void> {
    this.#subscribed ??= this.#subscribe().catch((error: unknown) => {
      this.#subscribed = undefined
      throw error
    })
    return this.#subscribed
  }

  /** Resolves when all events of the store arrive. */
  async hearEvents(onEvents: (message: string) => void, onLost: () => void): Promise<void> {
    this.#onEvents = onEvents
    this.#onLost = onLost
    await this.ready()
    this.#eventsSubscribed ??= this.#connect().then((connection) =>
      connection.subscribe([`{${connection.prefix}}:events`], this.#hear),
    )
    try {
      await this.#eventsSubscribed
    } catch (error) {
      this.#eventsSubscribed = undefined
      throw error
    }
  }

  async ignoreEvents(): Promise<void> {
    this.#eventsSubscribed = undefined
    const connection = await this.#connect()
    await connection.unsubscribe([`{${connection.prefix}}:events`])
  }

  /** Sleeps from now on; what `begin` answers ends it at once. */
  sleep({ incarnation, queues, ms, signal }: Sleep, begin: () => Promise<WaitResult | undefined>): Promise<WaitResult> {
    const patience = { ms, signal, otherwise: 'time' } as const
    return this.#until<WaitResult>(patience, begin, (wake) => {
      const forget = this.#sleepers.add([incarnation], wake)
      this.#asleep.set(incarnation, queues)
      return () => {
        this.#asleep.delete(incarnation)
        forget()
      }
    })
  }

  /** An incarnation that sleeps here until something comes to this queue. */
  sleeperOn(queue: string): string | undefined {
    for (const [incarnation, queues] of this.#asleep) if (queues.includes(queue)) return incarnation
    return undefined
  }

  /** Does nothing to one that is awake. */
  wake(incarnation: string): void {
    this.#sleepers.tell(incarnation, 'work')
  }

  /** Waits until one of these jobs is final or removed; false when none was heard of. */
  someFinal(ids: readonly string[], ms: number, signal: AbortSignal, begin: () => Promise<boolean>): Promise<boolean> {
    const beginning = async () => ((await begin()) ? true : undefined)
    const patience = { ms, signal, otherwise: false }
    return this.#until<boolean>(patience, beginning, (wake) => this.#finals.add(ids, () => wake(true)))
  }

  close(): void {
    this.#wakeAll('control')
  }

  async #subscribe(): Promise<void> {
    const connection = await this.#connect()
    await connection.subscribe([`{${connection.prefix}}:to:${this.handle}`], this.#hear)
    connection.onReconnect(() => {
      this.#wakeAll('work')
      this.#onLost()
    })
  }

  readonly #hear = (channel: string, message: string): void => {
    if (channel.endsWith(':events')) return this.#onEvents(message)
    const name = message.slice(1)
    if (message[0] === 'f') this.#finals.tell(name)
    else this.#sleepers.tell(name, message[0] === 'w' ? 'work' : 'control')
  }

  #wakeAll(why: WaitResult) {
    this.#sleepers.tellAll(why)
    this.#finals.tellAll()
  }

  async #until<T>(
    { ms, signal, otherwise }: { ms: number; signal: AbortSignal; otherwise: T },
    begin: () => Promise<T | undefined>,
    listen: (wake: (why: T) => void) => () => void,
  ): Promise<T> {
    if (signal.aborted) return otherwise
    if (ms <= 0) return (await begin()) ?? otherwise

    return waitToHear<T>(this.#env, { ms, signal, otherwise }, (wake, fail) => {
      const forget = listen(wake)
      begin().then((why) => why !== undefined && wake(why), fail)
      return forget
    })
  }
}
