/**
 * Events: told to listeners of this process directly, and to other processes by rows that are written
 * only while one of them listens.
 *
 * A process that listens keeps a row with a deadline, and reads the rows of others when the lookout has
 * seen a commit. Before it tells what it committed itself it reads what others committed before, so each
 * job's story is told in order.
 */
import type { Env, Timer } from '../../env.ts'
import type { EventFilter, JobEvent, StoreEvent } from '../store.ts'
import { Subscription } from '../subscription.ts'
import type { Connection } from './connection.ts'
import type { Lookout } from './lookout.ts'
import { get } from './read.ts'
import type { Step } from './step.ts'
import type { StepName } from './writer.ts'

type Write = <T>(name: StepName, body: (step: Step) => T) => Promise<T>

const listenMs = 30_000
const renewMs = 10_000
const rowsPerLook = 200

export class Events {
  readonly #env: Env
  readonly #connection: Connection
  readonly #lookout: Lookout
  readonly #write: Write
  /** Names this handle among the listeners. */
  readonly #listener: string
  readonly #subscriptions = new Set<Subscription>()
  #position = 0
  #written: number | undefined
  #leave: (() => void) | undefined
  #renewal: Timer | undefined

  constructor(env: Env, connection: Connection, lookout: Lookout, write: Write) {
    this.#env = env
    this.#connection = connection
    this.#lookout = lookout
    this.#write = write
    this.#listener = env.id()
    lookout.onCommit(() => this.#readOthers())
  }

  /** Whether a step must gather events. */
  listened(): boolean {
    return this.#subscriptions.size > 0 || this.#othersListen()
  }

  /** The last statement of a step: what other processes will read. */
  write({ events, sql, now }: Step): void {
    this.#written = undefined
    if (!events || events.length === 0) return

    if (this.#subscriptions.size > 0) this.#readOthers()
    if (this.#othersListen()) this.#written = Number(sql.addEvent.run(now, JSON.stringify(events)).lastInsertRowid)
  }

  /** The step is durable. */
  tell({ events }: Step): void {
    if (this.#written !== undefined) this.#position = this.#written
    for (const event of events ?? []) this.#offer(event)
  }

  async *listen(filter: EventFilter, signal: AbortSignal): AsyncGenerator<StoreEvent> {
    if (signal.aborted) return
    if (this.#subscriptions.size === 0) await this.#renew()

    const subscription = this.#begin(filter)
    try {
      yield* subscription.events(signal)
    } finally {
      this.#subscriptions.delete(subscription)
      if (this.#subscriptions.size === 0) this.#stopListening()
    }
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.end()
    this.#renewal?.cancel()
    this.#leave?.()
  }

  /** Position and snapshot are of one moment: everything after it is told. */
  #begin(filter: EventFilter): Subscription {
    const { sql, names } = this.#connection
    sql.beginReading.run()
    try {
      if (this.#subscriptions.size === 0) this.#startListening()
      const records = (filter.ids ?? []).map((id) => get({ sql, names }, id))
      const subscription = new Subscription(filter)
      subscription.begin(records.filter((record) => typeof record === 'object'))
      this.#subscriptions.add(subscription)
      return subscription
    } finally {
      sql.commit.run()
    }
  }

  #startListening(): void {
    this.#position = (this.#connection.sql.lastEvent.get() as { n: number }).n
    this.#leave ??= this.#lookout.join()
  }

  #stopListening(): void {
    this.#leave?.()
    this.#leave = undefined
    this.#renewal?.cancel()
    const gone = this.#write('report', ({ sql }) => sql.unlisten.run(this.#listener))
    // The row ends by itself when it cannot be deleted now.
    gone.catch(() => {})
  }

  async #renew(): Promise<void> {
    this.#renewal?.cancel()
    this.#renewal = this.#env.after(renewMs, () => void this.#renew().catch(() => {}))
    const lapsed = await this.#write('report', ({ sql, env }) => {
      const row = sql.getListener.get(this.#listener) as { deadline: number } | undefined
      sql.listen.run(this.#listener, env.monotonic() + listenMs)
      return !row || row.deadline < env.monotonic()
    })
    // Others may have written no events for us while the row was outdated.
    if (lapsed) for (const subscription of this.#subscriptions) subscription.lose()
  }

  #othersListen(): boolean {
    return this.#connection.sql.otherListener.get(this.#listener, this.#env.monotonic()) !== undefined
  }

  #readOthers(): void {
    if (this.#subscriptions.size === 0) return

    for (;;) {
      const rows = this.#connection.sql.eventsAfter.all(this.#position, rowsPerLook) as { n: number; body: string }[]
      for (const { n, body } of rows) this.#take(n, body)
      if (rows.length < rowsPerLook) return
    }
  }

  #take(n: number, body: string): void {
    // Rows are deleted a minute after they were written, read or not.
    if (n !== this.#position + 1) for (const subscription of this.#subscriptions) subscription.lose()
    this.#position = n
    for (const event of JSON.parse(body) as JobEvent[]) this.#offer(event)
  }

  #offer(event: JobEvent): void {
    for (const subscription of this.#subscriptions) subscription.offer(event)
  }
}
