/** A project in a folder of its own, and the real program run in it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'

const root = join(import.meta.dirname, '..', '..')
const condition = '--conditions=errand-source'
const bin = join(root, 'bin', 'errand.cjs')

/** As a stranger's terminal has it: nothing of the test runner's. */
const cleanEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|FORCE_COLOR|NO_COLOR|ERRAND_|CI$)/i.test(name)),
  ),
  // The compiled code of projects that live for one test.
  XDG_CACHE_HOME: join(root, '.cache'),
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: Record<string, string>
  /** Runs this file of the project instead of the program. */
  readonly file?: string
  /** Where its stdout goes, in place of what it gives. */
  readonly stdout?: number
}

/** Tasks that the tests of several commands use. */
export const tasks = `
import { Errand, Fatal } from 'errand'
import { z } from 'zod'

export const errand = new Errand({ store: 'sqlite:jobs.db' })

errand.task('greet', async (name: string, job) => {
  await job.progress(1, { of: 2, note: 'thinking' })
  job.log.info('greeting ' + name)
  return 'Hello ' + name
})
errand.task(
  'email.send',
  { queue: 'email', input: z.object({ to: z.email(), copies: z.number().optional() }) },
  async (email) => ({ sent: email.to }),
)
errand.task('break', async (word: string) => {
  throw new Fatal('broken by ' + word)
})
errand.task('login', { input: z.object({ user: z.string(), password: z.string() }), redact: ['password'] }, async (who) => who)
`

/** Why a test that needs a terminal cannot run here, or false. */
export const noTerminal: string | false =
  spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0
    ? false
    : 'needs `script` of util-linux to make a terminal'

export class Scene {
  readonly folder: string
  readonly #running = new Set<Running>()

  constructor(files: Record<string, string> = { 'tasks.ts': tasks }) {
    this.folder = mkdtempSync(join(tmpdir(), 'errand-cli-'))
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    this.write('package.json', '{"type":"module"}')
    for (const [name, text] of Object.entries(files)) this.write(name, text)
    after(() => this.#clear())
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true })
    writeFileSync(join(this.folder, name), text)
  }

  /** Runs `errand` with these arguments to its end. */
  errand(args: readonly string[], { input = '', env = {}, file = bin, stdout: into }: RunOptions = {}): Ended {
    const { status, stdout, stderr } = spawnSync(process.execPath, [condition, file, ...args], {
      cwd: this.folder,
      env: { ...cleanEnv, ...env },
      encoding: 'utf8',
      input,
      stdio: ['pipe', into ?? 'pipe', 'pipe'],
      timeout: 30_000,
      killSignal: 'SIGKILL',
    })

    return { code: status, stdout, stderr }
  }

  /** Starts `errand` and leaves it running. */
  start(args: readonly string[], { env = {}, file = bin }: RunOptions = {}): Running {
    const child = spawn(process.execPath, [condition, file, ...args], {
      cwd: this.folder,
      env: { ...cleanEnv, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running = new Running(child)
    this.#running.add(running)

    return running
  }

  /** Starts `errand` in a terminal, where keys can be typed. */
  startInTerminal(args: readonly string[]): Running {
    const words = [process.execPath, condition, bin, ...args].map((word) => `'${word}'`)
    const child = spawn('script', ['-qec', words.join(' '), '/dev/null'], {
      cwd: this.folder,
      env: { ...cleanEnv, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const running = new Running(child)
    this.#running.add(running)

    return running
  }

  async #clear(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.kill()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A program that runs, and what it has printed so far. */
export class Running {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #news = Promise.withResolvers<void>()
  #over = false

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', (text: Buffer) => this.#heard(() => (this.stdout += text.toString())))
    child.stderr!.on('data', (text: Buffer) => this.#heard(() => (this.stderr += text.toString())))
    this.ended = new Promise((resolve) => {
      child.once('close', (code) =>
        this.#heard(() => {
          this.#over = true
          resolve({ code, stdout: this.stdout, stderr: this.stderr })
        }),
      )
    })
  }

  /** Resolves once it has printed this, with all it has printed; rejects if it ends without. */
  async says(text: string | RegExp): Promise<string> {
    const expected = typeof text === 'string' ? new RegExp(RegExp.escape(text)) : text
    const late = passed(20_000, 'late', { ref: false })

    for (;;) {
      const printed = this.stdout + this.stderr
      if (expected.test(printed)) return printed
      if (this.#over) throw new Error(`It ended without saying ${String(text)}:\n${printed}`)
      if ((await Promise.race([this.#news.promise, late])) === 'late')
        throw new Error(`It does not say ${String(text)}:\n${printed}`)
    }
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async kill(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL')
    await this.ended
  }

  #heard(note: () => void): void {
    note()
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}
