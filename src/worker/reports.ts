/**
 * Progress and log lines on their way to the store: gathered for a tenth of a second,
 * the latest progress of each run standing for all before it, and always written before
 * the run's outcome is. While the store is away the latest thousand lines are kept.
 */
import { sleep, type Env, type Timer } from '../env.ts'
import { type ErrandError, mayPass, TransactionError } from '../errors.ts'
import type { StoredLine, Progress } from '../job.ts'
import type { Report, SettledWith, Settlement, Store } from '../store/store.ts'
import type { Run } from './run.ts'

const gatherMs = 100
/** Between two tries to write the result of a step. */
const [firstWaitMs, longestWaitMs] = [50, 1_000]
/** Lines kept for a store that is away. */
const mostKept = 1_000

interface Said {
  readonly run: Run
  readonly report: Report
}

/** What a run says after `succeed` waits for its end: it is worth writing only if the transaction was rolled back. */
const isHeldBack = ({ run }: { readonly run: Run }) => run.completed !== undefined && !run.over

export class Reports {
  readonly #env: Env
  readonly #store: () => Store
  readonly #incarnation: () => string
  readonly #failed: (error: unknown, again: boolean) => void
  readonly #answered: () => void
  readonly #sure: () => boolean
  #progress = new Map<Run, Progress>()
  #lines: { readonly run: Run; readonly line: StoredLine }[] = []
  #remembered: Said[] = []
  /** Away, and perhaps behind the very transaction that ends its run. */
  #sending: readonly Said[] = []
  #timer: Timer | undefined
  readonly #never = new AbortController().signal
  #flushedAt = -Infinity
  #flushing: Promise<void> | undefined
  #away = false

  constructor(parts: {
    env: Env
    store: () => Store
    incarnation: () => string
    answered: () => void
    /** Whether this worker is known to hold its jobs. */
    sure: () => boolean
    /** `again`: it will be tried again. */
    failed: (error: unknown, again: boolean) => void
  }) {
    this.#env = parts.env
    this.#store = parts.store
    this.#incarnation = parts.incarnation
    this.#failed = parts.failed
    this.#answered = parts.answered
    this.#sure = parts.sure
  }

  progress(run: Run, progress: Progress): void {
    this.#progress.set(run, progress)
    this.#schedule()
  }

  line(run: Run, line: StoredLine): void {
    this.#lines.push({ run, line })
    if (this.#away) this.#dropOldest()
    this.#schedule()
  }

  /** A step of the worker's own: written before the run's outcome is, like a line. */
  remember(run: Run, name: string, result: string): void {
    this.#remembered.push({ run, report: { kind: 'step', claim: run.claimed, name, result } })
    this.#schedule()
  }

  get pending(): boolean {
    return this.#lines.length > 0 || this.#progress.size > 0 || this.#remembered.length > 0
  }

  /** Writes what has gathered. Never rejects: what could not be written is told, and kept if the store did not have it. */
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

  /** Ends the run's job in a transaction of its handler's, together with what the run has said and was not written yet. */
  settleWith(run: Run, transaction: unknown, settlement: Settlement): SettledWith | Promise<SettledWith> {
    const store = this.#store()
    if (!store.settleWith) {
      throw new TransactionError(
        `The ${store.engine} store cannot end a job inside a transaction of yours. Return the result instead.`,
      )
    }
    const said = [...this.#sending, ...this.#gathered()].filter((each) => each.run === run)

    return store.settleWith(
      transaction,
      this.#incarnation(),
      settlement,
      said.map(({ report }) => report),
    )
  }

  /**
   * Writes the result of a step at once, and again while the store is away and the job is surely this run's: what was done
   * must not be done anew because of that. The first result stays.
   */
  async step(run: Run, name: string, result: string): Promise<'written' | 'stale'> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs)) {
      try {
        const report = { kind: 'step', claim: run.claimed, name, result } as const
        const [answer] = await this.#store().report(this.#incarnation(), [report])
        return answer === 'stale' ? 'stale' : 'written'
      } catch (error) {
        if (!mayPass(error) || run.closed || run.ending === 'lost' || !this.#sure()) throw error
      }
      await sleep(this.#env, waitMs)
    }
  }

  /** Never rejects: who cannot be asked has not said so. */
  async isFinal({ id }: Run): Promise<boolean> {
    try {
      return (await this.#store().settled([id], 0, this.#never)).length > 0
    } catch {
      return false
    }
  }

  #gathered(): Said[] {
    const lines = this.#lines.map(({ run, line }) => ({
      run,
      report: { kind: 'log', claim: run.claimed, line } as const,
    }))
    const progress = [...this.#progress].map(([run, said]) => ({
      run,
      report: { kind: 'progress', claim: run.claimed, progress: said } as const,
    }))

    return [...lines, ...progress, ...this.#remembered]
  }

  /** One that has ended in its own transaction has nothing more to say, and may still be tidying up. */
  #lose(run: Run): void {
    if (!run.completed) run.end('lost')
  }

  #schedule(): void {
    if (this.#timer) return
    const waitMs = Math.max(0, gatherMs - (this.#env.monotonic() - this.#flushedAt))
    this.#timer = this.#env.after(waitMs, () => void this.flush())
  }

  async #write(): Promise<void> {
    if (!this.pending) return
    this.#flushedAt = this.#env.monotonic()
    const all = this.#gathered().filter((said) => !isHeldBack(said))
    this.#lines = this.#lines.filter(isHeldBack)
    this.#remembered = this.#remembered.filter(isHeldBack)
    this.#progress = new Map([...this.#progress].filter(([run]) => isHeldBack({ run })))
    const { jobsPerCall } = this.#store().limits

    this.#sending = all
    for (let from = 0; from < all.length; from += jobsPerCall) {
      const left = await this.#send(all.slice(from, from + jobsPerCall))
      if (left.length > 0) {
        this.#keep([...left, ...all.slice(from + jobsPerCall)])
        break
      }
    }
    this.#sending = []
  }

  /** Gives what is left to be sent again. What may have been written is not written twice, but of a step the first result stays. */
  async #send(said: readonly Said[]): Promise<readonly Said[]> {
    try {
      const answers = await this.#store().report(
        this.#incarnation(),
        said.map(({ report }) => report),
      )
      this.#away = false
      this.#answered()
      answers.forEach((answer, index) => answer === 'stale' && this.#lose(said[index]!.run))
      return []
    } catch (error) {
      const again = mayPass(error) && (error as ErrandError).outcome !== 'unknown'
      this.#failed(error, again)
      return again ? said : said.filter(({ report }) => report.kind === 'step')
    }
  }

  /** Ahead of what was said since. */
  #keep(said: readonly Said[]): void {
    this.#away = true
    const lines = said.flatMap(({ run, report }) => (report.kind === 'log' ? { run, line: report.line } : []))
    this.#lines = [...lines, ...this.#lines]
    this.#dropOldest()
    this.#remembered = [...said.filter(({ report }) => report.kind === 'step'), ...this.#remembered]
    for (const { run, report } of said) {
      if (report.kind === 'progress' && !this.#progress.has(run)) this.#progress.set(run, report.progress)
    }
    this.#schedule()
  }

  #dropOldest(): void {
    this.#lines.splice(0, this.#lines.length - mostKept)
  }
}
