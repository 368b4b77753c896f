/**
 * Writing: one transaction per step, taken at once or tried again.
 *
 * SQLite's own busy timeout would hold the event loop and starve whoever came late, so a writer that
 * finds the lock taken comes back after a short, even pause. After a commit of its own it rests a
 * moment while others are waiting: it would otherwise take the lock again before anyone notices.
 */
import type { Env, Point } from '../../env.ts'
import { sleep } from '../../env.ts'
import { StoreBusyError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import { Step } from './step.ts'

export interface WriterOptions {
  readonly env: Env
  readonly connection: Connection
  /** Whether anybody listens to events; asked within each transaction. */
  readonly listened: () => boolean
  /** Within the transaction, when all has been written. */
  readonly beforeCommit: (step: Step) => void
  /** Told when the step is durable. */
  readonly committed: (step: Step) => void
}

export type StepName = 'insert' | 'turn' | 'report' | 'upkeep'

const giveUpMs = 30_000
const restMs = 1
/** How long after a retry the lock counts as wanted by others. */
const contendedMs = 50
const fileCheckMs = 1_000

export class Writer {
  readonly #options: WriterOptions
  #contendedUntil = 0
  #restUntil = 0
  #fileCheckedAt = -Infinity

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Runs `body` in a transaction of its own, as soon as the lock can be had. */
  async write<T>(name: StepName, body: (step: Step) => T): Promise<T> {
    const { env, connection } = this.#options
    const began = env.monotonic()
    if (began < this.#restUntil) await sleep(env, this.#restUntil - began)

    for (;;) {
      this.#checkFile()
      // Nothing may be awaited from here to the commit: another step of this process would find itself inside.
      if (tryBegin(connection)) return this.#carryOut(name, body)

      const now = env.monotonic()
      this.#contendedUntil = now + contendedMs
      if (now - began > giveUpMs) throw new StoreBusyError(now - began)
      await sleep(env, 0.3 + env.random() * 1.2)
    }
  }

  #carryOut<T>(name: StepName, body: (step: Step) => T): T {
    const { env, connection, listened, beforeCommit, committed } = this.#options
    const { sql, names, db } = connection
    let answer: T
    let step: Step
    try {
      step = new Step({ env, sql, names, listened: listened() })
      answer = body(step)
      step.finish()
      beforeCommit(step)
      env.point(`${name}.before-commit` satisfies Point)
      sql.commit.run()
    } catch (error) {
      names.forget()
      if (db.isTransaction) sql.rollback.run()
      throw error
    }
    this.#afterCommit()
    env.point(`${name}.after-commit` satisfies Point)
    committed(step)
    return answer
  }

  #afterCommit(): void {
    const now = this.#options.env.monotonic()
    if (now < this.#contendedUntil) this.#restUntil = now + restMs
  }

  #checkFile(): void {
    const { env, connection } = this.#options
    const now = env.monotonic()
    if (now - this.#fileCheckedAt < fileCheckMs) return
    this.#fileCheckedAt = now
    connection.checkFile()
  }
}

function tryBegin({ sql, db }: Connection): boolean {
  if (db.isTransaction) throw new Error('A step was begun within another one.')
  try {
    sql.begin.run()
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  }
}

const code = (error: unknown) => (error as { errcode?: number }).errcode ?? 0

/** Any kind of SQLITE_BUSY. */
export const isBusy = (error: unknown) => (code(error) & 0xff) === 5
/** SQLITE_FULL, and an I/O error of a write that found no room. */
export const isFull = (error: unknown) =>
  code(error) === 13 || (error as { errcode?: number; message?: string }).errcode === 778
