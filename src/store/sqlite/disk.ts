/**
 * Waits until what has been committed is on the disk, while the event loop goes on.
 *
 * A light commit leaves its frames in the system's memory; syncing the WAL afterwards makes them as safe as
 * `synchronous=FULL` would have, which syncs the same file but holds the loop meanwhile. A checkpoint in
 * between has synced them itself. One sync serves all commits before it began: whoever comes while one is under way
 * shares the next. After a sync that failed nobody knows what is on the disk, and another one that succeeds would not
 * tell: from then on all fail.
 */
import { closeSync, fdatasync, openSync } from 'node:fs'
import { StoreClosedError } from '../../errors.ts'

export class Disk {
  readonly #path: string
  #file: number | undefined
  #syncing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #over: { readonly error: unknown } | undefined

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

  /**
   * Whoever still waits for a sync that has not begun is told that it will not come. The file is closed after the one
   * under way: its number could be another file's by then. Locks are not lost by it, SQLite keeps none on the WAL.
   */
  close(): void {
    this.#over ??= { error: new StoreClosedError() }
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (this.#syncing) void this.#syncing.catch(() => {}).then(() => closeSync(file))
    else closeSync(file)
  }

  #begin(): Promise<void> {
    this.#syncing = this.#syncNow().finally(() => (this.#syncing = undefined))

    return this.#syncing
  }

  async #syncNow(): Promise<void> {
    if (this.#over) throw this.#over.error
    try {
      const file = (this.#file ??= openSync(this.#path, 'r+'))
      await new Promise<void>((resolve, reject) => fdatasync(file, (error) => (error ? reject(error) : resolve())))
    } catch (error) {
      this.#over ??= { error }
      throw error
    }
  }
}
