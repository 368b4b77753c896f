/**
 * One life of one connection, from connecting to its end.
 *
 * A client of ioredis is used for one life only and is never asked to reconnect: its own reconnecting re-sends commands, can
 * leave an interrupted one without an answer for ever, and can end in a state that it never leaves. Every call is raced
 * against a timer and against the end of the connection, so that none hangs; when the timer wins, the connection is given up,
 * because a socket that is silent once is silent until the system notices, minutes later.
 */
import type { Env } from '../../../env.ts'
import type { Argument, RedisClient } from './peer.ts'

/** The call was not written to the connection: nothing has happened. */
export class NotSentError extends Error {}

/** The call was written, and the connection ended before its answer came. */
export class NoAnswerError extends Error {}

let sessions = 0

/** More than keep a server busy, and few enough to be answered long before their time is over. */
const inFlightAtMost = 500

interface Call {
  readonly reject: (error: Error) => void
}

export class Session {
  /** Which server it goes to. */
  readonly at: string
  /** Which life of that server: one that has started anew, or has taken over, may know less than was told before. */
  life = `unknown ${++sessions}`
  /** What the server does when its memory is full, where it told when the connection began. */
  maxmemoryPolicy: string | undefined
  /** Resolves with the reason when the connection has ended. Never rejects. */
  readonly ended: Promise<Error>
  readonly #client: RedisClient
  readonly #env: Env
  /** No set: one that changes all the time keeps what it had from young collections, and calls are large. */
  readonly #inFlight: Call[] = []
  /** Who waits for room, the first one first. */
  #outside: (() => void)[] = []
  #over = false
  #answered = 0
  #end!: (why: Error) => void
  #lastError: Error | undefined

  private constructor(client: RedisClient, at: string, env: Env) {
    this.#client = client
    this.at = at
    this.#env = env
    this.ended = new Promise((resolve) => (this.#end = resolve))
    client.on('error', (error) => (this.#lastError = error))
    client.on('close', () => this.end(this.#lastError ?? new Error('the connection was closed')))
    client.on('end', () => this.end(this.#lastError ?? new Error('the connection was closed')))
  }

  /** Connects within `ms`, sign-in included. @throws why it could not */
  static async open(client: RedisClient, at: string, env: Env, ms: number): Promise<Session> {
    const session = new Session(client, at, env)
    const timer = env.after(ms, () => session.end(new Error(`no connection within ${ms} ms`)), { hold: true })
    try {
      // Its own rejection says only that it was closed; the reason has been emitted before.
      const connected = client.connect().then(
        () => undefined,
        (error: Error) => session.#lastError ?? error,
      )
      const failure = await Promise.race([connected, session.ended])
      if (failure) throw failure
      session.#rest()
      return session
    } catch (error) {
      session.end(error as Error)
      throw error
    } finally {
      timer.cancel()
    }
  }

  /** Hears what is published on the channels that this connection has subscribed to. */
  onMessage(listener: (channel: string, message: string) => void): void {
    this.#client.on('message', listener)
  }

  /** How many calls wait for their answers. */
  get inFlight(): number {
    return this.#inFlight.length
  }

  /** Resolves when another call must be sent at once, or none can be any more; undefined where there is room already. */
  room(): Promise<void> | undefined {
    if (this.#over || (this.#inFlight.length < inFlightAtMost && this.#outside.length === 0)) return undefined

    return new Promise((resolve) => this.#outside.push(resolve))
  }

  /** How many calls have been answered. */
  get answered(): number {
    return this.#answered
  }

  get over(): boolean {
    return this.#over
  }

  /**
   * Sends a command; its answer is waited for `ms` at most.
   *
   * @throws NotSentError, NoAnswerError, and the server's refusal as ioredis made it
   */
  send(command: string, args: readonly Argument[], ms: number): Promise<unknown> {
    if (this.#client.status !== 'ready') this.end(this.#lastError ?? new Error('the connection was closed'))
    if (this.#over) return Promise.reject(new NotSentError('the connection has ended'))
    return new Promise((resolve, reject) => {
      const call: Call = { reject }
      const timer = this.#env.after(ms, () => this.end(new Error(`no answer within ${ms} ms`)))
      const over = () => {
        timer.cancel()
        this.#inFlight.splice(this.#inFlight.indexOf(call), 1)
        if (this.#inFlight.length === 0) this.#rest()
        this.#admit()
      }
      if (this.#inFlight.length === 0) this.#client.stream?.ref()
      this.#inFlight.push(call)
      this.#client.call(command, args).then(
        (answer) => {
          this.#answered++
          over()
          resolve(answer)
        },
        (error: Error) => {
          over()
          // Only an answer leaves the connection as good as it was.
          if (!isAnswer(error)) this.end(error)
          reject(
            isAnswer(error)
              ? error
              : isNotSent(error)
                ? new NotSentError((this.#lastError ?? error).message)
                : lost(error),
          )
        },
      )
    })
  }

  /** Gives the connection up: what was sent has no answer. */
  end(why: Error): void {
    if (this.#over) return
    this.#over = true
    this.#client.disconnect()
    // An end in good order would wait for a server that may be gone.
    this.#client.stream?.destroy()
    for (const { reject } of this.#inFlight) reject(lost(why))
    for (const enter of this.#outside) enter()
    this.#outside = []
    this.#end(why)
  }

  /** Whoever is told sends at the end of this turn of the event loop, so half of the room is given away at once. */
  #admit(): void {
    if (this.#outside.length === 0 || this.#inFlight.length > inFlightAtMost / 2) return
    for (const enter of this.#outside.splice(0, inFlightAtMost / 2)) enter()
  }

  /** A connection that waits for nothing keeps no process alive. */
  #rest(): void {
    this.#client.stream?.unref()
  }
}

const lost = (cause: Error) => new NoAnswerError(cause.message, { cause })

const isAnswer = (error: Error) => error.name === 'ReplyError'

/** ioredis has no class for this refusal of its own. */
const isNotSent = (error: Error) => error.message.startsWith("Stream isn't writeable")
