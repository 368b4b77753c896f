/**
 * Progress and log lines on their way to the store: gathered for a tenth of a second,
 * the latest progress of each run standing for all before it, and always written before
 * the run's outcome is.
 */
import type { Env, Timer } from '../env.ts'
import { TransactionError, UnknownOutcomeError } from '../errors.ts'
import type { LogLine, Progress } from '../job.ts'
import type { Report, SettledWith, Settlement, Store } from '../store/store.ts'
import type { Run } from './run.ts'

const gatherMs = 100
const stepAttempts = 3

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
  readonly #failed: (error: unknown) => void
  #progress = new Map<Run, Progress>()
  #lines: { readonly run: Run; readonly line: LogLine }[] = []
  /** Away, and perhaps behind the very transaction that ends its run. */
  #sending: readonly Said[] = []
  #timer: Timer | undefined
  readonly #never = new AbortController().signal
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

  /** Writes the result of a step at once. An answer that got lost is asked for again: the first result stays. */
  async step({ claimed }: Run, name: string, result: string): Promise<'written' | 'stale'> {
    for (let attempt = 1; ; attempt++) {
      try {
        const report = { kind: 'step', claim: claimed, name, result } as const
        const [answer] = await this.#store().report(this.#incarnation(), [report])
        return answer === 'stale' ? 'stale' : 'written'
      } catch (error) {
        if (!(error instanceof UnknownOutcomeError) || attempt === stepAttempts) throw error
      }
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

    return [...lines, ...progress]
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
    this.#progress = new Map([...this.#progress].filter(([run]) => isHeldBack({ run })))
    const { jobsPerCall } = this.#store().limits

    this.#sending = all
    for (let from = 0; from < all.length; from += jobsPerCall) await this.#send(all.slice(from, from + jobsPerCall))
    this.#sending = []
  }

  async #send(said: readonly Said[]): Promise<void> {
    try {
      const answers = await this.#store().report(
        this.#incarnation(),
        said.map(({ report }) => report),
      )
      answers.forEach((answer, index) => answer === 'stale' && this.#lose(said[index]!.run))
    } catch (error) {
      this.#failed(error)
    }
  }
}
