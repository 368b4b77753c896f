/** From options to a server that is connected to, migrated, asked what it is worth, and listened to: each when first needed. */
import type { Capabilities } from '../store.ts'
import { openConnection, type Connection } from './connection/connection.ts'
import type { PostgresOptions } from './connection/options.ts'
import { askDurability } from './durability.ts'
import { inSchema, migrate } from './migrate.ts'
import type { News } from './news.ts'

export interface OpeningLinks {
  readonly news: News
  /** Called with each connection that opens, before anybody uses it. */
  readonly opened: (connection: Connection) => Promise<void>
}

export class Opening {
  /** Until the server was asked, the least of what it may be. */
  durability: Capabilities['durability'] = 'process'
  readonly #options: PostgresOptions
  readonly schema: string
  readonly #links: OpeningLinks
  #connection: Promise<Connection> | undefined
  #heard: Promise<void> | undefined

  constructor(options: PostgresOptions, schema: string, links: OpeningLinks) {
    this.#options = options
    this.schema = schema
    this.#links = links
  }

  readonly connected = (): Promise<Connection> => (this.#connection ??= this.#open())

  /** Resolves once notifications arrive. */
  readonly hearing = (): Promise<void> => {
    this.#heard ??= this.#listen().catch((error: unknown) => {
      this.#heard = undefined
      throw error
    })
    return this.#heard
  }

  /** Resolves also where they cannot arrive for now, for those who find out by themselves what they have not heard. */
  readonly hearingSoon = async (): Promise<void> => {
    const connection = await this.connected()
    await Promise.race([this.hearing().catch(() => {}), connection.notListening()])
  }

  /** Undefined while nobody has asked for notifications. */
  get heard(): Promise<void> | undefined {
    return this.#heard
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  async #open(): Promise<Connection> {
    const connection = await openConnection(this.#options)
    try {
      await migrate(connection, this.schema)
      this.durability = await askDurability(connection.query)
      await this.#links.opened(connection)
      connection.onReconnect(() => this.#links.news.missed())
    } catch (error) {
      await connection.close()
      this.#connection = undefined
      throw error
    }
    return connection
  }

  async #listen(): Promise<void> {
    const { news } = this.#links
    const connection = await this.connected()
    await connection.listen(inSchema('errand.news', this.schema), (payload) => news.hear(payload))
    news.listening = connection.listens
  }
}
