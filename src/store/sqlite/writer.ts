/**
 * Writing: one transaction per step, taken at once or tried again.
 *
 * SQLite's own busy timeout would hold the event loop and starve whoever came late, so a writer that
 * finds the lock taken comes back after a short, even pause. After a commit of its own it rests a
 * moment while others are waiting: it would otherwise take the lock again before anyone notices.
 *
 * A light step is not waited for until it is on the disk. A power cut may take it, and kills whoever knew of it
 * as well: a claim, a sign of life, progress, upkeep are only done again. What somebody was told for good, that a
 * job is in or has ended, is never light.
 */
import type { Env, Point } from '../../env.ts'
import { sleep } from '../../env.ts'
import { StoreBusyError, StoreClosedError, StoreFullError, UnknownOutcomeError } from '../../errors.ts'
import type { Ballast } from './ballast.ts'
import type { Connection } from './connection.ts'
import { isBroken, isBusy, isFull } from './sqlite-errors.ts'
import { Step, TooLightError } from './step.ts'

export interface WriterOptions {
  readonly env: Env
  readonly connection: Connection
  readonly ballast: Ballast
  /** Whether anybody listens to events; asked within each transaction. */
  readonly listened: () => boolean
  /** Within the transaction, when all has been written. */
  readonly beforeCommit: (step: Step) => void
  /** Told when the step is committed. */
  readonly committed: (step: Step) => void
  /** The connection must not be used any more. */
  readonly broken: () => void
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

  /** Runs `body` in a transaction of its own, as soon as the lock can be had. On a full disk it may run again. */
  async write<T>(name: StepName, body: (step: Step) => T, light = false): Promise<T> {
    const { env } = this.#options
    const began = env.monotonic()
    if (began < this.#restUntil) await sleep(env, this.#restUntil - began)

    for (;;) {
      this.#checkFile()
      // Nothing may be awaited from here to the commit: another step of this process would find itself inside.
      if (this.#tryBegin(name, light)) {
        const answer = this.#carryOut(name, body, light)
        if (answer !== 'too light' && answer !== 'no room') return answer.value
        if (answer === 'too light') light = false
        continue
      }
      const now = env.monotonic()
      this.#contendedUntil = now + contendedMs
      if (now - began > giveUpMs) throw new StoreBusyError(now - began)
      await sleep(env, 0.3 + env.random() * 1.2)
    }
  }

  #tryBegin(name: StepName, light: boolean): boolean {
    const { ballast, connection } = this.#options
    const { db, sql, path } = connection
    if (!db.isOpen) throw new StoreClosedError()
    if (db.isTransaction) throw new Error('A step was begun within another one.')
    if (name === 'insert' && ballast.given && !ballast.restoreSometimes()) throw new StoreFullError(path)
    try {
      connection.commitLightly(light)
      sql.begin.run()
      return true
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    }
  }

  /** 'no room': some has been made. Like 'too light', to be tried again. */
  #carryOut<T>(name: StepName, body: (step: Step) => T, light: boolean): { value: T } | 'too light' | 'no room' {
    const { env, connection, listened, beforeCommit, committed } = this.#options
    const { sql, names, db } = connection
    let value: T
    let step: Step
    let committing = false
    try {
      step = new Step({ env, sql, names, listened: listened(), light })
      value = body(step)
      step.finish()
      beforeCommit(step)
      env.point(`${name}.before-commit` satisfies Point)
      committing = true
      sql.commit.run()
    } catch (error) {
      names.forget()
      if (db.isTransaction) sql.rollback.run()
      if (error instanceof TooLightError) return 'too light'
      return this.#onFailure(name, error, committing)
    }
    this.#afterCommit()
    env.point(`${name}.after-commit` satisfies Point)
    committed(step)
    return { value }
  }

  /** New jobs are refused on a full disk; everything else may use what was set aside for it. */
  #onFailure(name: StepName, error: unknown, committing: boolean): 'no room' {
    const { ballast, broken, connection } = this.#options
    if (isFull(error)) {
      if (name !== 'insert' && ballast.release()) return 'no room'
      throw new StoreFullError(connection.path)
    }
    if (isBroken(error)) broken()
    if (isBroken(error) && committing) throw new UnknownOutcomeError(`a commit to ${connection.path}`, [], error)
    throw error
  }

  #afterCommit(): void {
    const now = this.#options.env.monotonic()
    if (now < this.#contendedUntil) this.#restUntil = now + restMs
  }

  #checkFile(): void {
    const { env, connection } = this.#options
    const now = env.monotonic()
    if (now - this.#fileCheckedAt < fileCheckMs) return
    connection.checkFile()
    this.#fileCheckedAt = now
  }
}
