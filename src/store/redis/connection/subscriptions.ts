/**
 * Listening: the connection that the server talks on.
 *
 * A listener has no calls that could fail, so a connection that has gone silent would never be noticed: it is asked for a
 * sign of life at intervals. After each new beginning, whoever listens is told, since messages may have been missed.
 */
import type { Env, Timer } from '../../../env.ts'
import { UnknownOutcomeError } from '../../../errors.ts'
import type { Listener } from './connection.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'

/** A severed connection is found out within this and the time that an answer may take. */
const signOfLifeMs = 2000
const channelsPerCall = 1000

export interface SubscriptionsOptions {
  readonly env: Env
  readonly answerMs: number
  readonly waitForServerMs: number
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #channels = new Set<string>()
  readonly #callbacks = new Set<() => void>()
  #listener: Listener = () => {}
  #sign: Timer | undefined

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  /** Prepares a session before it is offered: it hears all that was subscribed to. */
  async begin(session: Session): Promise<void> {
    session.onMessage((channel, message) => this.#listener(channel, message))
    const channels = [...this.#channels]
    for (let from = 0; from < channels.length; from += channelsPerCall) {
      await session.send('subscribe', channels.slice(from, from + channelsPerCall), this.#options.answerMs)
    }
    this.#watch(session)
  }

  tellReopened(): void {
    for (const callback of this.#callbacks) callback()
  }

  onReconnect(callback: () => void): () => void {
    this.#callbacks.add(callback)

    return () => void this.#callbacks.delete(callback)
  }

  async subscribe(link: Link, channels: readonly string[], listener: Listener): Promise<void> {
    const added = channels.filter((channel) => !this.#channels.has(channel))
    this.#listener = listener
    for (const channel of added) this.#channels.add(channel)
    try {
      await this.#reach(link, channels)
    } catch (error) {
      for (const channel of added) this.#channels.delete(channel)
      throw error
    }
  }

  async unsubscribe(link: Link, channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.delete(channel)
    // A new session never hears of them.
    if (channels.length > 0) await link.current?.send('unsubscribe', channels, this.#options.answerMs).catch(() => {})
  }

  /** What was published before is delivered before the answer to this. */
  async quiet(link: Link): Promise<void> {
    await link.current?.send('ping', [], this.#options.answerMs).catch(() => {})
  }

  close(): void {
    this.#sign?.cancel()
  }

  /** A session that ends while it is asked is followed by one that subscribes by itself. */
  async #reach(link: Link, channels: readonly string[]): Promise<void> {
    const { env, answerMs, waitForServerMs } = this.#options
    const began = env.monotonic()
    for (;;) {
      const session = await link.session(waitForServerMs - (env.monotonic() - began))
      try {
        await session.send('subscribe', channels, answerMs)
        return
      } catch (error) {
        session.end(error as Error)
        if (env.monotonic() - began > waitForServerMs) throw new UnknownOutcomeError('subscribing', [], error)
      }
    }
  }

  #watch(session: Session): void {
    const { env, answerMs } = this.#options
    this.#sign?.cancel()
    const ask = async () => {
      // Silence ends the session by itself.
      await session.send('ping', [], Math.min(answerMs, signOfLifeMs)).catch(() => {})
      if (!session.over) this.#sign = env.after(signOfLifeMs, () => void ask())
    }
    this.#sign = env.after(signOfLifeMs, () => void ask())
  }
}
