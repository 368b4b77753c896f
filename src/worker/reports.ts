/**
 * Progress and log lines on their way to the store: gathered for a tenth of a second,
 * the latest progress of each run standing for all before it, and always written before
 * the run's outcome is.
 */
import type { Env, Timer } from '../env.ts'
import type { LogLine, Progress } from '../job.ts'
import type { Report, Store } from '../store/store.ts'
import type { Run } from './run.ts'

const gatherMs = 100

interface Said {
  readonly run: Run
  readonly report: Report
}

export class Reports {
  readonly #env: Env
  readonly #store: () => Store
  readonly #incarnation: () => string
  readonly #failed: (error: unknown) => void
  #progress = new Map<Run, Progress>()
  #lines: { readonly run: Run; readonly line: LogLine }[] = []
  #timer: Timer | undefined
  #flushedAt = -Infinity
  #flushing: Promise<void> | undefined

  constructor(parts: { env: Env; store: () => Store; incarnation: () => string; failed: (error: unknown) => void }) {
    this.#env = parts.env
    this.#store = parts.store
    this.#incarnation = parts.incarnation
    this.#failed = parts.failed
  }

  progress(run: Run, progress: Progress): void {
    this.#progress.set(run, progress)
    this.#schedule()
  }

  line(run: Run, line: LogLine): void {
    this.#lines.push({ run, line })
    this.#schedule()
  }

  get pending(): boolean {
    return this.#lines.length > 0 || this.#progress.size > 0
  }

  /** Writes what has gathered. Never rejects: what could not be written is told and dropped. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const flushing = (this.#flushing ?? Promise.resolve())
      .then(() => this.#write())
      .then(() => {
        if (this.#flushing === flushing) this.#flushing = undefined
      })
    this.#flushing = flushing

    return flushing
  }

  /** What is being written now. */
  get flushing(): Promise<void> | undefined {
    return this.#flushing
  }

  #schedule(): void {
    if (this.#timer) return
    const waitMs = Math.max(0, gatherMs - (this.#env.monotonic() - this.#flushedAt))
    this.#timer = this.#env.after(waitMs, () => void this.flush())
  }

  async #write(): Promise<void> {
    if (!this.pending) return
    this.#flushedAt = this.#env.monotonic()
    const lines = this.#lines.map(({ run, line }) => ({
      run,
      report: { kind: 'log', claim: run.claimed, line } as const,
    }))
    const progress = [...this.#progress].map(([run, said]) => ({
      run,
      report: { kind: 'progress', claim: run.claimed, progress: said } as const,
    }))
    this.#lines = []
    this.#progress = new Map()
    const all: Said[] = [...lines, ...progress]
    const { jobsPerCall } = this.#store().limits

    for (let from = 0; from < all.length; from += jobsPerCall) await this.#send(all.slice(from, from + jobsPerCall))
  }

  async #send(said: readonly Said[]): Promise<void> {
    try {
      const answers = await this.#store().report(
        this.#incarnation(),
        said.map(({ report }) => report),
      )
      answers.forEach((answer, index) => answer === 'stale' && said[index]!.run.end('lost'))
    } catch (error) {
      this.#failed(error)
    }
  }
}
