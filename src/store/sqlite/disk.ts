/**
 * Waits until what has been committed is on the disk, while the event loop goes on.
 *
 * A light commit leaves its frames in the system's memory; syncing the WAL afterwards makes them as safe as
 * `synchronous=FULL` would have, which syncs the same file but holds the loop meanwhile. A checkpoint in
 * between has synced them itself. One sync serves all commits before it began: whoever comes while one is under way
 * shares the next.
 */
import { closeSync, fdatasync, openSync } from 'node:fs'

export class Disk {
  readonly #path: string
  #file: number | undefined
  #syncing: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** `path` is the database's; its WAL must be there when `sync` is first called. */
  constructor(path: string) {
    this.#path = `${path}-wal`
  }

  /** Resolves when all that was committed before this call is on the disk. Rejects with the system's error. */
  sync(): Promise<void> {
    if (!this.#syncing) return this.#begin()
    this.#next ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#begin()
      })

    return this.#next
  }

  /** Nobody may be waiting any more. Locks are not lost by it: SQLite keeps none on the WAL. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #begin(): Promise<void> {
    this.#syncing = this.#syncNow().finally(() => (this.#syncing = undefined))

    return this.#syncing
  }

  async #syncNow(): Promise<void> {
    const file = (this.#file ??= openSync(this.#path, 'r+'))

    await new Promise<void>((resolve, reject) => fdatasync(file, (error) => (error ? reject(error) : resolve())))
  }
}
