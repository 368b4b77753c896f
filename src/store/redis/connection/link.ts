/**
 * A connection that comes back: one session after another, for as long as the store is open.
 *
 * It connects when it is first used, and from then on by itself: whoever waits at the server must hear again without being
 * asked. The pause between two tries grows to a second, and is spread so that many processes do not come back at once.
 */
import type { Env, Timer } from '../../../env.ts'
import {
  type ErrandError,
  StoreAwayError,
  StoreBusyError,
  StoreClosedError,
  StoreOpenError,
  StoreRefusedError,
  StoreUnsafeError,
} from '../../../errors.ts'
import { adviceOn, adviceOnPlace, isLasting, refusalOf } from './refusals.ts'
import type { Session } from './session.ts'

const longestPauseMs = 1000
interface Waiter {
  readonly began: number
  readonly resolve: (session: Session) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

export interface LinkOptions {
  readonly env: Env
  /** The server, for messages. */
  readonly where: string
  /** Connects once. A session is only offered when this has resolved. */
  readonly open: () => Promise<Session>
  /** Each session but the first, once it is offered. */
  readonly reopened?: () => void
}

export class Link {
  readonly #options: LinkOptions
  readonly #waiters = new Set<Waiter>()
  #session: Session | undefined
  #failure: Error | undefined
  #opened = false
  #running = false
  #closed = false
  #pause: Timer | undefined

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** The session there is at this moment. */
  get current(): Session | undefined {
    return this.#session?.over ? undefined : this.#session
  }

  /** How much is under way on it. One that was never used comes after one that is idle, and before one that is not. */
  get load(): number {
    return this.#waiters.size + (this.current?.inFlight ?? 0.5)
  }

  /**
   * A session, waited for until `ms` from now.
   *
   * @throws StoreAwayError, StoreBusyError, StoreRefusedError, StoreClosedError
   */
  session(ms: number): Promise<Session> | Session {
    const { current } = this
    if (current) return current
    if (this.#closed) return Promise.reject(new StoreClosedError())
    const { env } = this.#options
    if (!this.#running) void this.#run()

    return new Promise((resolve, reject) => {
      const began = env.monotonic()
      const waiter: Waiter = {
        began,
        resolve,
        reject,
        timer: env.after(ms, () => this.#giveUp(waiter), { hold: true }),
      }
      this.#waiters.add(waiter)
    })
  }

  close(): void {
    this.#closed = true
    this.#pause?.cancel()
    for (const waiter of this.#waiters) this.#fail(waiter, new StoreClosedError())
    this.#session?.end(new StoreClosedError())
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { open } = this.#options
    this.#running = true
    for (let failures = 0; !this.#closed; failures++) {
      try {
        const session = await open()
        const greetings = session.answered
        this.#offer(session)
        this.#failure = await session.ended
        // One that was of no use counts as a try that failed.
        if (session.answered > greetings) failures = 0
      } catch (error) {
        this.#failure = error as Error
        this.#tellRefusal(error as Error)
      }
      if (!this.#closed) await this.#rest(failures)
    }
  }

  #offer(session: Session): void {
    if (this.#closed) return session.end(new StoreClosedError())
    this.#session = session
    for (const waiter of this.#waiters) {
      this.#forget(waiter)
      waiter.resolve(session)
    }
    if (this.#opened) this.#options.reopened?.()
    this.#opened = true
  }

  #rest(failures: number): Promise<void> {
    const { env } = this.#options
    const longest = Math.min(longestPauseMs, 25 * 2 ** failures)

    return new Promise((resolve) => (this.#pause = env.after(longest * (0.5 + env.random() / 2), resolve)))
  }

  /** Who could never get in need not wait to be told. */
  #tellRefusal(error: Error): void {
    const refused = this.#lasting(error)
    if (refused) for (const waiter of this.#waiters) this.#fail(waiter, refused)
  }

  #lasting(error: Error): ErrandError | undefined {
    const { where } = this.#options
    if (error instanceof StoreUnsafeError) return error
    // No server says that: it is a mistake in a client, or in its settings.
    if (error instanceof TypeError)
      return new StoreOpenError(`The store at ${where} cannot be opened with this client: ${error.message}.`, {
        cause: error,
      })
    if (this.#opened || !isLasting(error.message)) return undefined

    return new StoreRefusedError(where, error.message, adviceOn(error), { cause: error })
  }

  #giveUp(waiter: Waiter): void {
    const { env, where } = this.#options
    const waitedMs = env.monotonic() - waiter.began
    const cause = this.#failure
    const why = cause === undefined ? 'no answer yet' : reasonOf(cause)
    const busy = cause?.name === 'ReplyError' && refusalOf(cause.message) === 'busy'

    const advice = adviceOnPlace(why, where)
    const away = { cause, ...(advice !== undefined && { advice }) }
    this.#fail(
      waiter,
      busy ? new StoreBusyError(waitedMs, why, { cause }) : new StoreAwayError(where, waitedMs, why, away),
    )
  }

  #fail(waiter: Waiter, error: Error): void {
    this.#forget(waiter)
    waiter.reject(error)
  }

  #forget(waiter: Waiter): void {
    waiter.timer.cancel()
    this.#waiters.delete(waiter)
  }
}

/** Where a name has several addresses, Node gives an error without words for all of them together. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [error]

  // What ioredis asks to be told is no fault of its own.
  return (
    first?.message.replace(/\. Please report this\.$/, '') ||
    (first as { code?: string } | undefined)?.code ||
    error.name
  )
}
