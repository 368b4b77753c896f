/**
 * Checkpoints of our own, between two calls.
 *
 * SQLite's automatic ones run inside whatever commit comes next and at least double the slowest turns.
 * They stay on as a net, for a process that never comes to rest.
 */
import type { Env } from '../../env.ts'
import type { Connection } from './connection.ts'

/** About 2 MB. */
const framesBetween = 500

interface Frames {
  readonly log: number
  readonly checkpointed: number
}

export class Checkpoints {
  readonly #env: Env
  readonly #connection: Connection
  #planned = false

  constructor(env: Env, connection: Connection) {
    this.#env = env
    this.#connection = connection
  }

  afterCommit(): void {
    if (this.#planned) return
    const { log, checkpointed } = this.#connection.sql.walFrames.get() as Frames
    if (log - checkpointed < framesBetween) return

    this.#planned = true
    this.#env.soon(() => {
      this.#planned = false
      this.now('passive')
    })
  }

  /** Truncating waits for nobody either: it does what it can. Answers whether the WAL is empty or copied. */
  now(kind: 'passive' | 'truncate'): boolean {
    const { db, sql } = this.#connection
    if (!db.isOpen || db.isTransaction) return false
    try {
      const { log, checkpointed } = (kind === 'passive' ? sql.checkpoint : sql.truncateWal).get() as Frames
      return log === checkpointed
    } catch {
      // No room, or the file is gone: the next step meets it and says so.
      return false
    }
  }
}
