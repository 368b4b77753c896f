/**
 * Ballast: room set aside for the day the disk is full.
 *
 * Even settling a job needs room: in the WAL, and in the file at the next checkpoint. So a file of real
 * zeros, larger than the WAL has been, stands beside the store. When a write finds no room it is renamed,
 * which tells every process that nothing new is taken, and cut back piece by piece. It stands again as soon
 * as there is room for it.
 */
import {
  closeSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Env } from '../../env.ts'

const mebi = 1 << 20
const largest = 32 * mebi
/** A share of what is left at a time, so that a stranger who also fills the disk gets little of it. */
const pieces = 8
const smallestPiece = 64 * 1024
/** Room that must be there, as a multiple of the ballast, before it is written. */
const margin = 1.5
const retryMs = 1_000

export class Ballast {
  readonly #env: Env
  readonly #store: string
  readonly #path: string
  readonly #given: string
  readonly #fixed: number | undefined
  #triedAt = -Infinity

  /** `bytes` fixes its size; without, it follows the WAL's. */
  constructor(env: Env, store: string, bytes: number | undefined) {
    this.#env = env
    this.#store = store
    this.#path = `${store}-ballast`
    this.#given = `${store}-ballast-given`
    this.#fixed = bytes
  }

  /** Whether room was given up and not taken back yet: a full disk, as every process sees it. */
  get given(): boolean {
    return existsSync(this.#given)
  }

  get bytes(): number {
    return sizeOf(this.#path)
  }

  /** Gives up a piece. False when there is nothing left to give. */
  release(): boolean {
    if (existsSync(this.#path)) renameSync(this.#path, this.#given)
    const bytes = sizeOf(this.#given)
    if (bytes === 0) return false

    truncateSync(this.#given, Math.max(0, bytes - Math.max(smallestPiece, Math.ceil(bytes / pieces))))
    return true
  }

  /** Makes it stand, and large enough, if there is room. True if nothing is given up any more. */
  restore(): boolean {
    const wanted = this.#wanted()
    if (!this.given && sizeOf(this.#path) >= wanted) return true
    if (freeBytes(dirname(this.#path)) + sizeOf(this.#given) < wanted * margin) return !this.given
    if (!this.#write(wanted)) return !this.given

    rmSync(this.#given, { force: true })
    return true
  }

  /** For those who cannot go on without; looks at the disk once in a while. */
  restoreSometimes(): boolean {
    const now = this.#env.monotonic()
    if (now - this.#triedAt < retryMs) return false
    this.#triedAt = now
    return this.restore()
  }

  /** Twice what the WAL has grown to: as much again may be needed where the file itself grows. */
  #wanted(): number {
    if (this.#fixed !== undefined) return this.#fixed
    const wal = sizeOf(`${this.#store}-wal`)
    return Math.min(largest, Math.max(mebi, Math.ceil((2 * wal) / mebi) * mebi))
  }

  /** Under another name first: half a ballast must not pass for a whole one. */
  #write(bytes: number): boolean {
    const unfinished = `${this.#path}-new`
    const zeros = Buffer.alloc(Math.min(bytes, mebi))
    try {
      const file = openSync(unfinished, 'w', 0o600)
      try {
        for (let left = bytes; left > 0; left -= zeros.length) writeSync(file, zeros, 0, Math.min(left, zeros.length))
      } finally {
        closeSync(file)
      }
      renameSync(unfinished, this.#path)
      return true
    } catch {
      rmSync(unfinished, { force: true })
      return false
    }
  }
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
