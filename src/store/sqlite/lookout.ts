/**
 * Notices commits of other processes, while somebody waits for them.
 *
 * The WAL file changes a moment before the commit can be read, so each change is looked at several
 * times within some milliseconds. A slow poll is the net for changes that nobody reported.
 */
import { watch, type FSWatcher } from 'node:fs'
import type { Env, Timer } from '../../env.ts'
import type { Connection } from './connection.ts'

const looksAfterMs = [1, 2, 5]
const pollMs = 250
/** A busy worker sleeps and wakes by the hundred each second; its watch is not set up anew each time. */
const lingerMs = 1_000

export class Lookout {
  readonly #env: Env
  readonly #connection: Connection
  readonly #listeners: (() => void)[] = []
  #waiting = 0
  #version: number
  #watcher: FSWatcher | undefined
  #poll: Timer | undefined
  #looks: Timer[] = []
  #again = false
  #lingering: Timer | undefined

  constructor(env: Env, connection: Connection) {
    this.#env = env
    this.#connection = connection
    this.#version = this.version()
  }

  /** A number that changes with every commit of another connection, and with none of our own. */
  version(): number {
    return (this.#connection.sql.dataVersion.get() as { data_version: number }).data_version
  }

  onCommit(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Watches until the answer is called, and tells of what is committed after the version `since`. */
  join(since: number = this.version()): () => void {
    if (this.#waiting++ === 0) this.#arm(since)
    let joined = true
    return () => {
      if (joined && --this.#waiting === 0) this.#linger()
      joined = false
    }
  }

  close(): void {
    this.#disarm()
  }

  #arm(since: number): void {
    this.#version = since
    this.#lingering?.cancel()
    this.#lingering = undefined
    if (!this.#watcher) this.#watch()
    if (!this.#poll) this.#pollLater()
  }

  #linger(): void {
    this.#lingering = this.#env.after(lingerMs, () => this.#disarm())
  }

  #disarm(): void {
    this.#lingering?.cancel()
    this.#lingering = undefined
    this.#watcher?.close()
    this.#watcher = undefined
    this.#poll?.cancel()
    this.#poll = undefined
    for (const timer of this.#looks) timer.cancel()
    this.#looks = []
  }

  #watch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    try {
      const watcher = watch(`${this.#connection.path}-wal`, { persistent: false }, (kind) =>
        this.#onChange(watcher, kind),
      )
      watcher.on('error', () => watcher.close())
      this.#watcher = watcher
    } catch {
      // The file is not there, or the system is out of watches: the poll tries again and serves meanwhile.
    }
  }

  #onChange(watcher: FSWatcher, kind: string): void {
    if (watcher !== this.#watcher) return
    if (kind === 'rename') this.#watch()
    if (this.#waiting === 0) return

    this.#look()
    if (this.#looks.length > 0) this.#again = true
    else this.#lookRepeatedly()
  }

  #lookRepeatedly(): void {
    this.#again = false
    this.#looks = looksAfterMs.map((ms, index) =>
      this.#env.after(ms, () => {
        this.#look()
        if (index < looksAfterMs.length - 1) return
        this.#looks = []
        if (this.#again) this.#lookRepeatedly()
      }),
    )
  }

  #pollLater(): void {
    this.#poll = this.#env.after(pollMs, () => {
      if (!this.#watcher) this.#watch()
      this.#look()
      this.#pollLater()
    })
  }

  #look(): void {
    if (this.#waiting === 0) return
    const version = this.version()
    if (version === this.#version) return

    this.#version = version
    for (const listener of this.#listeners) listener()
  }
}
