/** Keeps one worker process running: starts it, starts it again when it dies, stops it when asked. */
import { fork, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Logger } from 'pino'
import type { SmtpSettings } from './settings.ts'

/** What the worker is told. By message and not by environment or arguments, which others could read. */
export interface WorkerSettings {
  readonly dataDir: string
  readonly storeUrl: string
  readonly baseUrl: string
  readonly secretKey: string
  readonly smtp: SmtpSettings
  readonly fromEmail: string
  readonly workerLeaseSeconds: number
  readonly logLevel: string
}

export interface SupervisorOptions {
  readonly settings: WorkerSettings
  readonly log: Logger
  readonly output?: Writable
  /** How long after its death the worker starts again; doubled each time it did not live for long. */
  readonly restartMs?: number
  readonly stopMs?: number
}

const defaults = { restartMs: 200, stopMs: 10_000 }
const longestRestartMs = 10_000
/** A worker that lived this long was not killed by its start. */
const provenMs = 10_000

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #ready = Promise.withResolvers<void>()
  #child: ChildProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  #quickDeaths = 0

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Resolves when the worker first takes jobs. */
  start(): Promise<void> {
    this.#spawn()

    return this.#ready.promise
  }

  /** The worker's process id; undefined between two lives of it. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Lets the worker end its jobs or give them back; a worker that does not end is killed. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return

    const killer = setTimeout(() => child.kill('SIGKILL'), this.#options.stopMs ?? defaults.stopMs)
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    if (child.connected) child.send('stop', () => {})
    else child.kill('SIGTERM')
    await exited
    clearTimeout(killer)
  }

  #spawn(): void {
    const startedAt = performance.now()
    const child = fork(new URL('./worker.ts', import.meta.url), {
      execArgv: process.execArgv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    this.#forward(child.stdout!)
    this.#forward(child.stderr!)
    child.on('message', () => this.#ready.resolve())
    // Sending to a process that is just dying fails; its exit is told below.
    child.on('error', () => {})
    child.send(this.#options.settings, () => {})
    child.once('exit', (code, signal) => this.#exited(code ?? signal, performance.now() - startedAt))
  }

  #exited(how: number | string | null, livedMs: number): void {
    this.#child = undefined
    if (this.#stopping) return
    this.#quickDeaths = livedMs < provenMs ? this.#quickDeaths + 1 : 0
    const firstMs = this.#options.restartMs ?? defaults.restartMs
    const restartMs = Math.min(longestRestartMs, firstMs * 2 ** Math.max(0, this.#quickDeaths - 1))

    this.#options.log.warn({ how, restartMs }, 'the worker ended and is started again')
    this.#timer = setTimeout(() => this.#spawn(), restartMs)
  }

  /** The worker's lines among ours, marked as its own. */
  #forward(stream: Readable): void {
    const output = this.#options.output ?? process.stderr
    createInterface({ input: stream }).on('line', (line) => output.write(`[worker] ${line}\n`))
  }
}
