/** Calls scripts with the time in front, and refuses once the store is closed. */
import { StoreClosedError } from '../../errors.ts'
import type { Argument, CallOptions, RedisConnection } from './connection/connection.ts'
import { script, type ScriptName } from './scripts.ts'

/** For tests: otherwise the server's clock is the only one. */
export type Clock = () => { readonly now: number; readonly monotonic: number }

export class Caller {
  readonly connection: RedisConnection
  readonly #clock: Clock | undefined
  readonly #key: string
  #closed = false

  constructor(connection: RedisConnection, clock: Clock | undefined) {
    this.connection = connection
    this.#clock = clock
    this.#key = `{${connection.prefix}}`
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
  }

  async call<T>(name: ScriptName, args: readonly Argument[], options?: CallOptions): Promise<T> {
    if (this.#closed) throw new StoreClosedError()
    const time = this.#clock?.()
    const [now, monotonic] = time ? [time.now, time.monotonic] : ['', '']

    return (await this.connection.call(script(name), this.#key, [now, monotonic, ...args], options)) as T
  }

  /** Changes nothing, so it may be asked twice. */
  look<T>(what: string, ...args: readonly Argument[]): Promise<T> {
    return this.call<T>('look', [what, ...args], { repeat: true })
  }

  manage<T = unknown>(what: string, ...args: readonly Argument[]): Promise<T> {
    return this.call<T>('manage', [what, ...args])
  }
}
