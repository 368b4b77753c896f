/**
 * A scene: a folder for the store, another for the ledger, the processes that play in it, and the
 * verdict when they are through. All of it is gone afterwards, also when something failed.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Errand, systemEnv, type JobInfo } from 'errand'
import type { ChildPlan } from './child.ts'
import { engines } from './engine.ts'
import { judge, type JobInTheEnd, type Verdict } from './checker.ts'
import { recoveryMs } from './lane.ts'
import { LedgerWriter, readLedger, type Ledger } from './ledger.ts'
import { Processes, type Child } from './processes.ts'
import { undoLater } from './undo.ts'

/** Longer than any recovery takes. */
const stuckMs = 25_000

export interface SceneOptions {
  readonly engine: string
  /** Where the store lies, if not in a folder of the scene's own. */
  readonly storeFolder?: string
}

export type Role = Pick<ChildPlan, 'worker' | 'produce' | 'crash' | 'synchronous'>

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), 'errand-faults-'))
  readonly #ledgerFolder = join(this.folder, 'ledger')
  readonly control: LedgerWriter
  readonly #engine: string
  readonly #place: string
  readonly #processes: Processes
  readonly #removeFolder = undoLater(() => rmSync(this.folder, { recursive: true, force: true }))
  #started = 0
  #reader: Errand | undefined

  constructor({ engine, storeFolder }: SceneOptions) {
    const storeIn = storeFolder ?? join(this.folder, 'store')
    for (const folder of [this.#ledgerFolder, storeIn]) mkdirSync(folder, { recursive: true })
    this.#engine = engine
    this.#place = engines[engine]!.place(storeIn)
    this.control = new LedgerWriter(this.#ledgerFolder, 'harness')
    this.#processes = new Processes(this.control)
  }

  start(name: string, role: Role, environment?: Readonly<Record<string, string>>): Child {
    const by = `${name}-${this.#started++}`

    return this.#processes.start(
      { by, ledger: this.#ledgerFolder, engine: this.#engine, place: this.#place, ...role },
      environment,
    )
  }

  /**
   * Freezes a process, but not in the act of writing: where processes share one lock, as SQLite's do, that would
   * freeze all of them until it thaws, and show nothing about leases.
   */
  async freeze(child: Child): Promise<void> {
    for (;;) {
      child.freeze()
      await pass(20)
      if (!engines[this.#engine]!.isLocked(this.#place)) return
      child.thaw()
      await pass(5)
    }
  }

  /** An app that only reads and asks: the public API, in the harness's own process. */
  async reader(): Promise<Errand> {
    return (this.#reader ??= new Errand({ store: await engines[this.#engine]!.open(this.#place, systemEnv(), 'full') }))
  }

  get ledger(): Ledger {
    return readLedger(this.#ledgerFolder)
  }

  /** Resolves when no job is left that could still run, or when nothing moves any more: the checker then finds what is lost. */
  async drain(): Promise<void> {
    let left = Infinity
    let movedAt = performance.now()
    while (left > 0 && performance.now() - movedAt < stuckMs) {
      // The store tells of jobs one by one, and of all of them only by counting.
      await pass(50)
      const now = await this.#unfinished()
      if (now !== left) movedAt = performance.now()
      left = now
    }
  }

  async #unfinished(): Promise<number> {
    const queues = await (await this.reader()).queues()

    return queues.reduce(
      (sum, { states: { ready, scheduled, blocked, running } }) => sum + ready + scheduled + blocked + running,
      0,
    )
  }

  async verdict(): Promise<Verdict> {
    return judge(this.ledger, (await this.jobs()).map(inTheEnd), { recoveryMs })
  }

  /** Every job, as the public API tells it. */
  async jobs(): Promise<JobInfo[]> {
    const jobs: JobInfo[] = []
    let cursor: string | undefined
    do {
      const page = await (await this.reader()).jobs({ limit: 500, ...(cursor !== undefined && { cursor }) })
      jobs.push(...page.jobs)
      cursor = page.cursor
    } while (cursor !== undefined)

    return jobs
  }

  async closeReader(): Promise<void> {
    await this.#reader?.close()
    this.#reader = undefined
  }

  async endProcesses(): Promise<void> {
    await this.#processes.end()
  }

  async close(): Promise<void> {
    await this.#processes.end()
    await this.closeReader()
    this.#removeFolder()
  }
}

/** Real time, for what nobody tells of. */
export const pass = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

function inTheEnd({ id, state, result, error }: JobInfo): JobInTheEnd {
  return {
    id,
    state,
    ...(result !== undefined && { result: result as { token: number; by: string } }),
    ...(error?.code !== undefined && { errorCode: error.code }),
  }
}

/** Plays in a scene, and clears it away whatever happens. */
export async function inScene<T>(options: SceneOptions, play: (scene: Scene) => Promise<T>): Promise<T> {
  const scene = new Scene(options)
  try {
    return await play(scene)
  } finally {
    await scene.close()
  }
}
