/**
 * Checkpoints of our own, between two calls.
 *
 * SQLite's automatic ones run inside whatever commit comes next and at least double the slowest turns.
 * They stay on as a net, for a process that never comes to rest.
 */
import type { Env } from '../../env.ts'
import type { Ballast } from './ballast.ts'
import type { Connection } from './connection.ts'
import { isFull } from './sqlite-errors.ts'

/** About 2 MB. */
const framesBetween = 500

interface Frames {
  readonly log: number
  readonly checkpointed: number
}

export class Checkpoints {
  readonly #env: Env
  readonly #connection: Connection
  readonly #ballast: Ballast
  #planned = false

  constructor(env: Env, connection: Connection, ballast: Ballast) {
    this.#env = env
    this.#connection = connection
    this.#ballast = ballast
  }

  afterCommit(): void {
    if (this.#planned) return
    this.#planned = true
    this.#env.soon(() => {
      this.#planned = false
      if (this.#isDue()) this.run('passive')
    })
  }

  #isDue(): boolean {
    const { db, sql } = this.#connection
    if (!db.isOpen || db.isTransaction) return false
    const { log, checkpointed } = sql.walFrames.get() as Frames

    return log - checkpointed >= framesBetween
  }

  /** Waits for nobody: does what it can. */
  run(kind: 'passive' | 'truncate'): void {
    const { db, sql } = this.#connection
    while (db.isOpen && !db.isTransaction) {
      try {
        ;(kind === 'passive' ? sql.checkpoint : sql.truncateWal).get()
        return
      } catch (error) {
        // The file must grow to take what the WAL holds. Anything else the next step meets, and says so.
        if (!isFull(error) || !this.#ballast.release()) return
      }
    }
  }
}
