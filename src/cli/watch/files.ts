/** Tells when one of the app's files has changed, or a new source file stands beside them. */
import { watch, type FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'

/** Editors write a file in several steps; they count as one change. */
const settleMs = 100
const isSource = (name: string) => /\.[cm]?[jt]sx?$/.test(name) && !/\.(?:test|spec|d)\.[cm]?[jt]sx?$/.test(name)

export class Files {
  readonly #changed: (path: string) => void
  readonly #files = new Set<string>()
  readonly #folders = new Map<string, FSWatcher>()
  #timer: NodeJS.Timeout | undefined

  constructor(changed: (path: string) => void) {
    this.#changed = changed
  }

  add(path: string): void {
    this.#files.add(path)
    const folder = dirname(path)
    if (this.#folders.has(folder)) return
    // The folder and not the file: many editors put a new file in the place of the old one.
    const watcher = watch(folder, (_, name) => this.#look(join(folder, name ?? '')))
    watcher.on('error', () => this.#folders.delete(folder))
    this.#folders.set(folder, watcher)
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#folders.values()) watcher.close()
  }

  #look(path: string): void {
    if (!this.#files.has(path) && !isSource(path)) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#changed(path), settleMs)
  }
}
