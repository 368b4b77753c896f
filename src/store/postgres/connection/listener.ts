/**
 * The one connection that listens, one client after another for as long as the store is open.
 *
 * A listener is told nothing when nothing happens, so a connection that was cut in silence looks like one where all is
 * quiet. It is asked for a sign of life every few seconds, and replaced when it gives none.
 */
import type { Env, Timer } from '../../../env.ts'
import { StoreClosedError } from '../../../errors.ts'
import { isFinalRefusal, whileConnecting } from './failures.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import type { ListeningClient } from './peer.ts'

const longestPauseMs = 1_000
const signOfLifeMs = 5_000
/** One that ends sooner was not worth its name: the pauses go on growing. */
const shortestLifeMs = 1_000

export class Listener {
  readonly #env: Env
  readonly #options: ResolvedPostgresOptions
  readonly #make: () => ListeningClient
  readonly #channels = new Map<string, ((payload: string) => void)[]>()
  readonly #reconnected: (() => void)[] = []
  #current: ListeningClient | undefined
  #running = false
  #closed = false
  #end: (why: Error) => void = () => {}
  /** Those who wait for the first connection. */
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>()
  #trouble = Promise.withResolvers<void>()
  #pause: { timer: Timer; over: () => void } | undefined

  constructor(env: Env, options: ResolvedPostgresOptions, make: () => ListeningClient) {
    this.#env = env
    this.#options = options
    this.#make = make
  }

  /** @throws StoreAwayError, StoreBusyError, StoreRefusedError, StoreClosedError, and then nothing will be heard */
  async listen(channel: string, heard: (payload: string) => void): Promise<void> {
    if (this.#closed) throw new StoreClosedError()
    const all = this.#channels.get(channel) ?? []
    this.#channels.set(channel, [...all, heard])
    try {
      // One that breaks now listens to all channels again when it is back.
      if (this.#current) await this.#ask(this.#current, listenTo(channel)).catch(this.#end)
      else await this.#firstConnection()
    } catch (error) {
      this.#channels.set(
        channel,
        this.#channels.get(channel)!.filter((each) => each !== heard),
      )
      throw error
    }
  }

  /** Resolves once it has not come to listen, though it goes on trying. */
  get trouble(): Promise<void> {
    return this.#trouble.promise
  }

  onReconnect(callback: () => void): void {
    this.#reconnected.push(callback)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const { reject } of this.#waiting) reject(new StoreClosedError())
    this.#waiting.clear()
    this.#end(new StoreClosedError())
    this.#pause?.timer.cancel()
    this.#pause?.over()
  }

  #firstConnection(): Promise<void> {
    const came = new Promise<void>((resolve, reject) => this.#waiting.add({ resolve, reject }))
    if (!this.#running) void this.#run()

    return came
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#running = true
    const firstAt = this.#env.monotonic()
    for (let failures = 0, times = 0; !this.#closed; failures++) {
      const began = this.#env.monotonic()
      try {
        await this.#live(times++ > 0)
      } catch (error) {
        this.#trouble.resolve()
        this.#tellWaiting(error, began - firstAt)
      }
      if (this.#env.monotonic() - began > shortestLifeMs) failures = 0
      if (!this.#closed) await this.#rest(failures)
    }
  }

  /** Who waits is told of what will not change, and of what has lasted too long. */
  #tellWaiting(error: unknown, waitedMs: number): void {
    if (!isFinalRefusal(error) && waitedMs < this.#options.waitForServerMs) return
    const failure = whileConnecting(error, this.#options.where, waitedMs)
    for (const { reject } of this.#waiting) reject(failure)
    this.#waiting.clear()
  }

  /** One client's life. Rejects with why it ended. */
  async #live(again: boolean): Promise<void> {
    const client = this.#make()
    const ended = new Promise<never>((_, reject) => (this.#end = reject))
    ended.catch(() => {})
    client.on('error', (error) => this.#end(error))
    client.on('end', () => this.#end(new Error('the connection was closed')))
    client.on('notification', ({ channel, payload }) => {
      for (const heard of this.#channels.get(channel) ?? []) heard(payload ?? '')
    })
    try {
      await Promise.race([this.#connected(client), ended])
      if (this.#closed) return
      this.#current = client
      this.#trouble = Promise.withResolvers()
      for (const { resolve } of this.#waiting) resolve()
      this.#waiting.clear()
      if (again) for (const callback of this.#reconnected) callback()
      await Promise.race([this.#watch(client), ended])
    } finally {
      this.#current = undefined
      // An end in good order would wait for a server that may be gone.
      client.connection.stream.destroy()
    }
  }

  async #connected(client: ListeningClient): Promise<void> {
    await this.#within(client.connect())
    client.unref()
    const channels = [...this.#channels.keys()]
    await this.#ask(client, channels.map((channel) => listenTo(channel)).join('; '))
    // What was asked for while this one was being set up.
    for (const channel of this.#channels.keys())
      if (!channels.includes(channel)) await this.#ask(client, listenTo(channel))
  }

  async #watch(client: ListeningClient): Promise<never> {
    for (;;) {
      await new Promise<void>((resolve) => this.#env.after(signOfLifeMs, resolve))
      await this.#within(client.query({ text: 'select 1' }), false)
    }
  }

  async #ask(client: ListeningClient, text: string): Promise<void> {
    await this.#within(client.query({ text }))
  }

  /** @param hold whether somebody waits for it, so that the process must not end before */
  async #within<T>(promise: Promise<T>, hold = true): Promise<T> {
    const ms = this.#options.connectMs
    let tooLate!: (error: Error) => void
    const late = new Promise<never>((_, reject) => (tooLate = reject))
    const timer = this.#env.after(ms, () => tooLate(new Error(`no answer within ${ms} ms`)), { hold })
    try {
      return await Promise.race([promise, late])
    } finally {
      timer.cancel()
    }
  }

  #rest(failures: number): Promise<void> {
    const longest = Math.min(longestPauseMs, 25 * 2 ** failures)
    const ms = longest * (0.5 + this.#env.random() / 2)

    return new Promise((resolve) => (this.#pause = { timer: this.#env.after(ms, resolve), over: resolve }))
  }
}

const listenTo = (channel: string) => `listen "${channel.replaceAll('"', '""')}"`
