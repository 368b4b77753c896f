/** What the parts of one app share. Nothing is opened before `open` is first called. */
import { Asking } from './client/asking.ts'
import { Awaiting } from './client/awaiting.ts'
import { Gathering } from './client/gathering.ts'
import type { Codec } from './codec.ts'
import { sleep, type Env } from './env.ts'
import { StoreClosedError } from './errors.ts'
import type { Bus } from './events/bus.ts'
import { Findings } from './events/findings.ts'
import { Outage } from './events/outage.ts'
import type { CancelAnswer, JobRecord, Store } from './store/store.ts'
import { Stretch } from './stretch.ts'
import type { Middleware } from './task/middleware.ts'
import type { Registry } from './task/registry.ts'

/** What `close` waits for a store that is being opened. */
const longestOpeningMs = 250

export class Runtime {
  readonly env: Env
  readonly codec: Codec
  readonly bus: Bus
  readonly registry: Registry
  readonly payloadBytes: number
  readonly stretch: Stretch
  readonly awaiting: Awaiting
  readonly gathering: Gathering
  readonly looking: Asking<JobRecord | 'gone' | undefined> = new Asking((store, ids) => store.get(ids))
  readonly cancelling: Asking<CancelAnswer> = new Asking((store, ids) => store.cancel(ids))
  readonly outage: Outage
  readonly findings: Findings
  readonly middleware: Middleware<any>[] = []
  /** Aborted when the app is closed. */
  readonly closing: AbortController = new AbortController()
  /** The store, once it is open. */
  store: Store | undefined
  readonly #openStore: () => Promise<Store>
  #opening: Promise<Store> | undefined

  constructor(parts: {
    env: Env
    codec: Codec
    bus: Bus
    registry: Registry
    payloadBytes: number
    openStore: () => Promise<Store>
  }) {
    this.env = parts.env
    this.stretch = new Stretch(parts.env)
    this.awaiting = new Awaiting(parts.env)
    this.gathering = new Gathering(this)
    this.codec = parts.codec
    this.bus = parts.bus
    this.outage = new Outage(parts.env, parts.bus)
    this.findings = new Findings(parts.bus)
    this.registry = parts.registry
    this.payloadBytes = parts.payloadBytes
    this.#openStore = parts.openStore
  }

  /** The store, opened at the first call. One that could not be opened is tried again at the next. */
  async open(): Promise<Store> {
    if (this.closing.signal.aborted) throw new StoreClosedError()
    const opening = (this.#opening ??= this.#openStore())
    try {
      return (this.store = await opening)
    } catch (error) {
      // Whoever else waited for the same failure may have begun another try by now.
      if (this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  /** A server that is away keeps nobody who wants to end: what is being opened then is closed behind our back. */
  async close(): Promise<void> {
    if (this.closing.signal.aborted) return
    this.closing.abort(new StoreClosedError())
    const { store } = this
    this.store = undefined
    const closed = this.#opening?.then(
      (opened) => opened.close(),
      () => {},
    )
    if (store || !closed) return closed
    const waited = new AbortController()
    await Promise.race([closed, sleep(this.env, longestOpeningMs, waited.signal).catch(() => {})])
    waited.abort()
  }
}
