/**
 * Everything that is neither input nor state: clocks, timers, chance, identity.
 *
 * Each part of Errand is handed an `Env` and reads the world through it alone, so
 * that a test or a simulator can move time, fix chance and crash a process at a
 * named point. Nothing else in `src` may touch `Date`, `performance`, timers or
 * `Math.random`; a test reads the sources and says so.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import { makeIds } from './id.ts'

/** Places where a process may die. In production passing one costs an empty call. */
export type Point =
  | 'insert.before-commit'
  | 'insert.after-commit'
  | 'turn.before-commit'
  | 'turn.after-commit'
  | 'report.before-commit'
  | 'report.after-commit'
  | 'upkeep.before-commit'
  | 'upkeep.after-commit'
  | 'worker.before-turn'
  | 'worker.after-turn'
  | 'worker.before-run'
  | 'worker.after-run'
  | 'worker.before-give-back'

export const points: readonly Point[] = [
  'insert.before-commit',
  'insert.after-commit',
  'turn.before-commit',
  'turn.after-commit',
  'report.before-commit',
  'report.after-commit',
  'upkeep.before-commit',
  'upkeep.after-commit',
  'worker.before-turn',
  'worker.after-turn',
  'worker.before-run',
  'worker.after-run',
  'worker.before-give-back',
]

/** A timer that has been set. Cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** The world as Errand sees it. `systemEnv` is the real one, `ManualEnv` of `errand/testing` one that a test moves. */
export interface Env {
  /** Wall time in milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds on a clock that never jumps and is shared by all processes of this boot. */
  monotonic(): number
  /** Changes when the machine restarts, and with it the meaning of `monotonic`. */
  readonly bootId: string
  /** Calls back once, `ms` from now. A timer never keeps the process alive unless `hold` is set. */
  after(ms: number, callback: () => void, options?: { hold?: boolean }): Timer
  /** Calls back once this turn of the event loop is over. */
  soon(callback: () => void): void
  /** A number from 0 up to 1. */
  random(): number
  /** A new UUIDv7; within this process each is greater than the one before. */
  id(): string
  readonly host: string
  readonly pid: number
  /** Called where a process may die: a test that throws from it dies there. */
  point(name: Point): void
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

/** Node fires a longer one at once. */
const longestTimerMs = 2 ** 31 - 1

/** The real world. Every call makes a new id sequence; everything else is shared. */
export function systemEnv(): Env {
  const now = () => Date.now()
  // Both tick on the machine's monotonic clock; `performance.now` is the cheaper one but starts with the process.
  const processStartedAt = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  const monotonic = () => processStartedAt + performance.now()

  return {
    now,
    monotonic,
    bootId: readBootId(),
    after(ms, callback, options) {
      let timer: NodeJS.Timeout
      const wait = (leftMs: number) => {
        timer =
          leftMs > longestTimerMs
            ? setTimeout(() => wait(leftMs - longestTimerMs), longestTimerMs)
            : setTimeout(callback, leftMs)
        if (!options?.hold) timer.unref()
      }
      wait(ms)
      return { cancel: () => clearTimeout(timer) }
    },
    soon: (callback) => void setImmediate(callback),
    random: () => Math.random(),
    id: makeIds(now, (bytes) => randomBytes(bytes)),
    host: hostname(),
    pid: process.pid,
    point: () => {},
  }
}

const dayMs = 86_400_000

/** Keeps the process alive until it is cancelled: something is going on whose timers would not. */
export function keepAlive(env: Env): Timer {
  let timer: Timer
  const arm = () => (timer = env.after(dayMs, arm, { hold: true }))
  arm()

  return { cancel: () => timer.cancel() }
}

/** Resolves `ms` from now, or rejects with the signal's reason when it is aborted before. */
export function sleep(env: Env, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)

    const timer = env.after(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      { hold: true },
    )
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** What the promise gives, or the signal's reason as soon as it is aborted: what was asked may go on unheard. */
export function orAborted<T>(signal: AbortSignal, asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    asked.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
