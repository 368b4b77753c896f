/**
 * What the engine asks of its connection to Redis, and nothing more.
 *
 * Every call is one script on one hash slot. A call ends in an answer, or in one of three kinds
 * of failure: an error that says nothing has happened (refused, away, busy, full, closed), or an
 * `UnknownOutcomeError`. Nothing is ever sent twice by the connection itself.
 */

import type { Capabilities, Inspection } from '../../store.ts'

/** A Lua script with all its parts, run by its hash and sent whole where the server does not know it. */
export interface Script {
  /** For messages: 'insert', 'turn', … */
  readonly name: string
  readonly source: string
  readonly sha1: string
}

export type Argument = string | number

/** The life of a server that a series of calls began with: one that has started anew, or has taken over, may know less. */
export interface Bond {
  life?: string
}

export interface CallOptions {
  /** Jobs that the call is about, for an error that says that its outcome is unknown. */
  readonly ids?: readonly string[]
  /** Which of the connections to use where there are several: what enqueues must not wait behind turns. @default 'turn' */
  readonly line?: 'insert' | 'turn'
  /** Resolves only when as many replicas have it as the option `wait` says. For what the caller is told to be safe. */
  readonly acknowledge?: boolean
  /** Fails with an `UnknownOutcomeError`, before it is sent, where the server's life is no longer the one of this bond. */
  readonly bond?: Bond
  /** A series of calls begins with this one. */
  readonly binds?: Bond
  /** It changes nothing, so it is asked again when its answer was lost. */
  readonly repeat?: boolean
}

/** Told in order, once the subscription stands. Nothing published since is missed, unless `onReconnect` says so. */
export type Listener = (channel: string, message: string) => void

export interface RedisConnection {
  /** The server, without its password, for messages. */
  readonly where: string
  /** What all keys begin with, as a hash tag: `{prefix}:…` */
  readonly prefix: string
  /** What the server's settings, and the option `wait`, make of an acknowledged job. */
  readonly durability: Capabilities['durability']

  /** What the server says of its settings at this moment. */
  inspect(): Promise<Inspection[]>

  /**
   * EVALSHA with this one key, by which a cluster finds the node; all others are made from it and share its hash tag.
   * Scripts must not count their keys: in a cluster another one comes with it.
   *
   * @throws UnknownOutcomeError, StoreBusyError, StoreAwayError, StoreRefusedError, StoreFullError, StoreClosedError
   */
  call(script: Script, key: string, args: readonly Argument[], options?: CallOptions): Promise<unknown>

  /** A plain command: INFO, CONFIG GET, WAIT. Fails as `call` does. */
  command(name: string, ...args: readonly Argument[]): Promise<unknown>

  /** Resolves when the server has confirmed it. The one listener hears all channels of this connection. */
  subscribe(channels: readonly string[], listener: Listener): Promise<void>
  unsubscribe(channels: readonly string[]): Promise<void>

  /** Called each time a subscription stands again after it was lost: messages may have been missed. Returns how to stop. */
  onReconnect(callback: () => void): () => void

  /** Resolves when everything published before, and every call made before, has arrived here. */
  quiet(): Promise<void>

  /** Ends what is under way with an error that says its outcome. Closing twice is harmless. */
  close(): Promise<void>
}
