/** Statements of this engine: written for the schema `errand`, sent for the one that is meant. */
import { StoreClosedError } from '../../errors.ts'
import type { Connection, QueryOptions } from './connection/connection.ts'
import { inSchema } from './migrate.ts'

/**
 * The state that a statement failed with. On purpose the SQL functions raise ER003 for a call from before a resync, ER004 for a turn that needs the gate, ER007 for
 * numbers that another life of the store has given.
 */
export function raised(error: unknown): string | undefined {
  return error instanceof Error && 'sqlState' in error ? String(error.sqlState) : undefined
}

export class Statements {
  readonly #connection: () => Promise<Connection>
  readonly #schema: string
  readonly #texts = new Map<string, string>()
  readonly #underWay = new Set<Promise<unknown>>()
  closed = false

  constructor(connection: () => Promise<Connection>, schema: string) {
    this.#connection = connection
    this.#schema = schema
  }

  /** A statement with a name is prepared once per connection. */
  all<Row>(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<Row[]> {
    const answer = this.#send<Row>(text, values, options)
    this.#underWay.add(answer)
    const over = () => this.#underWay.delete(answer)
    answer.then(over, over)
    return answer
  }

  async one<Row>(text: string, values: readonly unknown[] = [], options: QueryOptions = {}): Promise<Row> {
    const [row] = await this.all<Row>(text, values, options)
    return row!
  }

  get busy(): boolean {
    return this.#underWay.size > 0
  }

  /** Resolves when every statement sent so far is answered. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  async #send<Row>(text: string, values: readonly unknown[], options: QueryOptions): Promise<Row[]> {
    if (this.closed) throw new StoreClosedError()
    const connection = await this.#connection()

    return connection.query<Row>(this.#inSchema(text), values, options)
  }

  #inSchema(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const meant = inSchema(text, this.#schema)
    this.#texts.set(text, meant)
    return meant
  }
}
