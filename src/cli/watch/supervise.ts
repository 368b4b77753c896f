/**
 * `--watch`: runs the same command in a child, and starts it again when the app changes.
 *
 * The child stops gracefully each time. It has a process group of its own, so that Ctrl-C
 * reaches it once, through here.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { relative, resolve } from 'node:path'
import { environmentBefore } from '../dot-env.ts'
import type { Output } from '../output/output.ts'
import { stopping } from '../run-worker.ts'
import { childMark, type ImportedFiles } from './child.ts'
import { Files } from './files.ts'
import { listenToKeys } from './keys.ts'

/** Resolves with the exit code once it is stopped by a signal or a key. */
export function supervise(out: Output, { keys }: { keys: boolean }): Promise<number> {
  return new Supervisor(out).run(keys)
}

class Supervisor {
  readonly #out: Output
  readonly #files = new Files((path) => this.#restart(`${relative(process.cwd(), path)} changed, starting again`))
  readonly #ended = Promise.withResolvers<number>()
  #child: ChildProcess | undefined
  #next: 'wait' | 'start' | 'end' = 'wait'

  constructor(out: Output) {
    this.#out = out
  }

  async run(keys: boolean): Promise<number> {
    const stop = () => this.#stop()
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    const quietKeys = keys ? listenToKeys({ restart: () => this.#restart('Starting again'), quit: stop }) : () => {}

    this.#watch(resolve('.env'))
    this.#start()
    try {
      return await this.#ended.promise
    } finally {
      quietKeys()
      this.#files.close()
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    }
  }

  #start(): void {
    this.#next = 'wait'
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
      // What `.env` said when this process began must not outlive a change of it.
      env: { ...environmentBefore(), [childMark]: '1' },
    })
    child.on('message', ({ imported }: ImportedFiles) => imported.forEach((path) => this.#watch(path)))
    child.once('error', (error) => this.#ended.reject(error))
    // A child that is asked to stop before it listens ends by the signal itself.
    child.once('exit', (code, signal) => this.#exited(code ?? (signal === 'SIGTERM' ? 0 : 1)))
    this.#child = child
  }

  /** A system may be out of watches: the worker still runs, it only does not see this folder change. */
  #watch(path: string): void {
    try {
      this.#files.add(path)
    } catch (error) {
      this.#out.warn(`Changes of ${path} are not noticed: ${(error as Error).message}`)
    }
  }

  #exited(code: number): void {
    this.#child = undefined
    if (this.#next === 'end') this.#ended.resolve(code)
    else if (this.#next === 'start') this.#start()
    else this.#out.say(`Ended with ${code}. Waiting for a change.`, 'yellow')
  }

  #restart(why: string): void {
    if (this.#next === 'end') return
    this.#out.say(why, 'cyan')
    if (!this.#child) return this.#start()
    if (this.#next === 'wait') this.#child.kill('SIGTERM')
    this.#next = 'start'
  }

  /** Called again, it asks the child again, which then hurries. */
  #stop(): void {
    if (this.#next !== 'end') this.#out.say(stopping, 'dim')
    this.#next = 'end'
    if (this.#child) this.#child.kill('SIGTERM')
    else this.#ended.resolve(0)
  }
}
