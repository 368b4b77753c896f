/**
 * The processes of one scene: started here, signalled by the handle they were started with,
 * and gone at the end, frozen ones too. No other process is ever touched.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { ChildPlan, Said, Told } from './child.ts'
import type { LedgerWriter } from './ledger.ts'
import { undoLater } from './undo.ts'

const program = join(import.meta.dirname, 'child.ts')
const patienceMs = 30_000

export class Child {
  readonly by: string
  /** Resolves with the signal that ended it, or none. */
  readonly exited: Promise<NodeJS.Signals | null>
  readonly #process: ChildProcess
  readonly #control: LedgerWriter
  readonly #said: Said[] = []
  #news = Promise.withResolvers<void>()
  /** What it wrote to its standard error. */
  errors = ''
  readonly #killNow: () => void
  gone = false
  /** Ended by an error of its own: nobody has told it to. */
  crashed = false

  constructor(plan: ChildPlan, control: LedgerWriter, environment: Readonly<Record<string, string>>) {
    this.by = plan.by
    this.#control = control
    this.#process = fork(program, [JSON.stringify(plan)], {
      execArgv: ['--conditions=errand-source', '--disable-warning=ExperimentalWarning'],
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.#process.on('message', (said: Said) => {
      this.#said.push(said)
      this.#tellNews()
    })
    this.#killNow = undoLater(() => void this.#process.kill('SIGKILL'))
    this.exited = new Promise((resolve) =>
      this.#process.once('exit', (code, signal) => this.#left(code, signal, resolve)),
    )
  }

  /** How often it has said this. */
  count(kind: Said['kind']): number {
    return this.#said.filter((said) => said.kind === kind).length
  }

  /** Runs of its own of which it was told that they belong to others by now: refused when they ended, or lost before. */
  get toldLost(): number {
    const running = this.#said.map((said) => (said.kind === 'gone' ? said.running : 0))

    return this.count('stale') + running.reduce((sum, runs) => sum + runs, 0)
  }

  /** Resolves when it has said this `times` times; fails when it is gone before, or takes too long. */
  async said(kind: Said['kind'], times = 1, withinMs = patienceMs): Promise<void> {
    const overdue = AbortSignal.timeout(withinMs)
    const limit = new Promise<void>((resolve) => overdue.addEventListener('abort', () => resolve()))
    while (this.count(kind) < times) {
      if (this.gone) throw new Error(`${this.by} ended before it was ${kind}: ${this.errors}`)
      if (overdue.aborted) throw new Error(`${this.by} was not ${kind} within ${withinMs} ms: ${this.errors}`)
      await Promise.race([this.#news.promise, limit])
    }
  }

  tell(told: Told): void {
    if (!this.gone) this.#process.send(told, () => {})
  }

  /** Written down before it is done. */
  kill(fault = 'kill'): void {
    if (this.gone) return
    this.struck(fault)
    this.#process.kill('SIGKILL')
  }

  /** Writes down what is about to be done to it alone, by somebody else. */
  struck(fault: string): void {
    this.#control.write('control', { kind: 'fault', fault, by: this.by })
  }

  freeze(): void {
    this.struck('freeze')
    this.#process.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.kill('SIGCONT')
    this.#control.write('control', { kind: 'healed', fault: 'freeze', by: this.by })
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    this.tell({ kind: 'stop' })
    const overdue = AbortSignal.timeout(patienceMs)
    const late = new Promise<'late'>((resolve) => overdue.addEventListener('abort', () => resolve('late')))
    if ((await Promise.race([this.exited, late])) === 'late')
      throw new Error(`${this.by} did not stop within ${patienceMs} ms: ${this.errors}`)
  }

  /** Ends it in any order, for the scene is over. A killed process need not be thawed. */
  async end(): Promise<void> {
    this.#killNow()
    await this.exited
  }

  #tellNews(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  #left(code: number | null, signal: NodeJS.Signals | null, resolve: (signal: NodeJS.Signals | null) => void): void {
    this.gone = true
    this.crashed = code !== null && code !== 0
    this.#control.write('control', { kind: 'exit', by: this.by })
    this.#tellNews()
    resolve(signal)
  }
}

export class Processes {
  readonly #control: LedgerWriter
  readonly #children: Child[] = []

  constructor(control: LedgerWriter) {
    this.#control = control
  }

  start(plan: ChildPlan, environment: Readonly<Record<string, string>> = {}): Child {
    const child = new Child(plan, this.#control, environment)
    this.#children.push(child)

    return child
  }

  /** What those wrote who ended by an error of their own. */
  get crashes(): string[] {
    return this.#children.filter(({ crashed }) => crashed).map(({ by, errors }) => `${by} ended by itself: ${errors}`)
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()))
  }
}
