/**
 * A scene: a folder for the store, another for the ledger, the processes that play in it, and the
 * verdict when they are through. All of it is gone afterwards, also when something failed.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Errand, systemEnv, type JobInfo } from 'errand'
import { builtInPrefix } from '../../src/workflow/built-in.ts'
import type { ChildPlan } from './child.ts'
import { engines, type Synchronous } from './engine.ts'
import { groundFor, type Ground, type GroundServer } from './ground.ts'
import { judge, type JobInTheEnd, type Verdict } from './checker.ts'
import { recoveryMs } from './lane.ts'
import { LedgerWriter, readLedger, type Ledger } from './ledger.ts'
import { Processes, type Child } from './processes.ts'
import { keptLedger } from './trace.ts'
import { undoLater } from './undo.ts'

/** Longer than any recovery takes. */
const stuckMs = 25_000

export interface SceneOptions {
  readonly engine: string
  /** Where the store lies, if not in a folder of the scene's own. */
  readonly storeFolder?: string
  /** @default 'full' */
  readonly synchronous?: Synchronous
}

export type Role = Pick<ChildPlan, 'worker' | 'produce' | 'crash'> & {
  /** By what name it opens the store, if not as everybody does. */
  readonly place?: string
}

export class Scene {
  readonly folder: string
  readonly control: LedgerWriter
  readonly #ground: Ground
  readonly #ledgerFolder: string
  readonly #engine: string
  readonly #synchronous: Synchronous
  readonly #processes: Processes
  readonly #removeFolder: () => void
  #started = 0
  #reader: Errand | undefined
  #readerPlace: string

  static async set({ engine, storeFolder, synchronous = 'full' }: SceneOptions): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'errand-faults-'))
    // Whoever a server runs as has to get to what is its own.
    chmodSync(folder, 0o755)
    const storeIn = join(storeFolder ?? folder, 'store')
    for (const each of [join(folder, 'ledger'), storeIn]) mkdirSync(each, { recursive: true })
    const removeFolder = undoLater(() => rmSync(folder, { recursive: true, force: true }))

    const ground = await groundFor(engine, { folder: storeIn, ownDisk: storeFolder !== undefined, synchronous })
    return new Scene(engine, synchronous, folder, ground, removeFolder)
  }

  private constructor(
    engine: string,
    synchronous: Synchronous,
    folder: string,
    ground: Ground,
    removeFolder: () => void,
  ) {
    this.folder = folder
    this.#engine = engine
    this.#synchronous = synchronous
    this.#ground = ground
    this.#readerPlace = ground.place
    this.#removeFolder = removeFolder
    this.#ledgerFolder = keptLedger(basename(folder)) ?? join(folder, 'ledger')
    this.control = new LedgerWriter(this.#ledgerFolder, 'harness')
    this.#processes = new Processes(this.control)
  }

  /** Only in lanes of engines that have one. */
  get server(): GroundServer {
    return this.#ground.server!
  }

  /** The server dies with its disk: what it has open must not outlive it. */
  async powerOff(): Promise<void> {
    await this.#ground.server?.down('killed')
  }

  async powerOn(): Promise<void> {
    await this.#ground.server?.up()
  }

  /** Writes down what is done to the store: it excuses nobody's second run. */
  outage(fault: string): void {
    this.control.write('control', { kind: 'outage', fault })
  }

  start(name: string, role: Role, environment?: Readonly<Record<string, string>>): Child {
    const by = `${name}-${this.#started++}`

    return this.#processes.start(
      {
        by,
        ledger: this.#ledgerFolder,
        engine: this.#engine,
        place: this.#ground.place,
        synchronous: this.#synchronous,
        ...role,
      },
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
      if (!this.#ground.isLocked()) return
      child.thaw()
      await pass(5)
    }
  }

  /** From now on the truth is told by another. */
  readFrom(place: string): void {
    this.#readerPlace = place
  }

  /** An app that only reads and asks: the public API, in the harness's own process. */
  async reader(): Promise<Errand> {
    return (this.#reader ??= new Errand({
      store: await engines[this.#engine]!.open(this.#readerPlace, systemEnv(), 'full'),
    }))
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

  /** About all that our processes run: steps that Errand runs by itself keep no ledger. */
  async verdict(): Promise<Verdict> {
    const jobs = (await this.jobs()).filter(({ task }) => !task.startsWith(builtInPrefix))

    return judge(this.ledger, jobs.map(inTheEnd), { recoveryMs })
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

  get crashes(): readonly string[] {
    return this.#processes.crashes
  }

  async endProcesses(): Promise<void> {
    await this.#processes.end()
  }

  async close(): Promise<void> {
    await this.#processes.end()
    await this.closeReader().catch(() => {})
    await this.#ground.close()
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

/** Plays in a scene, and clears it away whatever happens. No fault may end a process by an error of its own. */
export async function inScene<T>(options: SceneOptions, play: (scene: Scene) => Promise<T>): Promise<T> {
  const scene = await Scene.set(options)
  try {
    const [played] = await Promise.allSettled([play(scene)])
    if (scene.crashes.length > 0) throw new Error(scene.crashes.join('\n'))
    if (played.status === 'rejected') throw played.reason
    return played.value
  } finally {
    await scene.close()
  }
}
