/** The connections of a store, by what they are for, so that nobody waits behind what has nothing to do with him. */
import type { CallOptions } from './connection.ts'
import type { Link } from './link.ts'

export type Line = NonNullable<CallOptions['line']> | 'listen'

export class Lines {
  /** What the server talks on. It takes no calls. */
  readonly listen: Link
  readonly #turn: Link
  readonly #insert: readonly Link[]

  /** @param connections for calls: one is for turns, the others for enqueueing; where there is but one, it is for both */
  constructor(connections: number, make: (line: Line) => Link) {
    this.listen = make('listen')
    this.#turn = make('turn')
    const more = Array.from({ length: connections - 1 }, () => make('insert'))
    this.#insert = more.length > 0 ? more : [this.#turn]
  }

  /** The one with the least under way. */
  for(line: NonNullable<CallOptions['line']>): Link {
    if (line === 'turn') return this.#turn

    return this.#insert.reduce((least, link) => (link.load < least.load ? link : least))
  }

  get all(): ReadonlySet<Link> {
    return new Set([this.#turn, ...this.#insert, this.listen])
  }
}
