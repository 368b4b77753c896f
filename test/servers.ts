/**
 * The servers and programs that some tests need: found, installed or done without.
 *
 * Each is looked for in its environment variable, then on the PATH; as root on Debian it
 * is installed. Where all that fails, `undefined` comes back and a line says what is
 * missing, so that tests are skipped with a reason; in CI it is an error instead.
 *
 * Ask at the top of a test file (`const redis = await findRedis()`): an installation may
 * take longer than one test is allowed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

/** A program that tests need, and the ways to come by it. */
export interface Wanted {
  what: string
  /** The environment variable that may name the file. */
  variable: string
  /** What the file may be called on the PATH. */
  names: readonly string[]
  debianPackage: string
}

export interface Server {
  url: string
  stop(): Promise<void>
}

/** Chromium, for tests that drive a page. */
export function findChromium(): Promise<string | undefined> {
  const names = ['chromium', 'chromium-browser', 'google-chrome']

  return findProgram({ what: 'Chromium', variable: 'CHROMIUM', names, debianPackage: 'chromium' })
}

/** The Redis server's program; start it with `startRedis`. */
export function findRedis(): Promise<string | undefined> {
  const names = ['redis-server']

  return findProgram({ what: 'A Redis server', variable: 'REDIS_SERVER', names, debianPackage: 'redis-server' })
}

export async function findProgram(wanted: Wanted): Promise<string | undefined> {
  const program = present(wanted) ?? (mayInstall() && install(wanted.debianPackage) ? present(wanted) : undefined)
  if (program !== undefined) return program

  const missing = `${wanted.what} is missing: set ${wanted.variable}, or install "${wanted.debianPackage}".`
  if (process.env.CI) throw new Error(missing)

  console.error(`SKIPPING what needs it. ${missing}`)
  return undefined
}

function present({ variable, names }: Wanted): string | undefined {
  const named = process.env[variable]
  if (named !== undefined && named !== '') return named

  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

/** Several test files may ask at once: apt then waits for its lock, and the second finds nothing left to do. */
function install(debianPackage: string): boolean {
  const settings = ['-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=150']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: string[]) => spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const get = () => apt('install', ...settings, debianPackage).status === 0

  console.error(`Installing ${debianPackage} ...`)
  return get() || (apt('update', '-qq').status === 0 && get())
}

/** Starts a Redis without persistence on a free port, in a folder that goes when it stops. */
export async function startRedis(program: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-redis-'))
  const port = await freePort()
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]

  const child = spawn(program, [...place, '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  await printed(child, 'Ready to accept connections')

  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await ended(child)
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A port that was free a moment ago: for programs that cannot pick one and tell. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  server.close()
  await once(server, 'close')
  return port
}

/** Resolves when the child has printed a line with this text, and fails if it ends before. */
export async function printed(child: ChildProcess, text: string): Promise<void> {
  if (child.stdout === null) throw new Error('The child needs a pipe as its standard output.')
  const said: string[] = []

  // Reading goes on after the line was found, so that the child never waits for room in its pipe.
  const lines = createInterface({ input: child.stdout })
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line)
      if (line.includes(text)) resolve()
    })
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`It ended without printing "${text}":\n${said.join('\n')}`)))
  })
}

/** Ends a child and resolves when it is gone. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return

  child.kill(signal)
  await once(child, 'exit')
}
