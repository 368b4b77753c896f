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
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** A program that tests need, and the ways to come by it. */
export interface Wanted {
  what: string
  /** The environment variable that may name the file. */
  variable: string
  /** What the file may be called on the PATH. */
  names: readonly string[]
  debianPackage: string
  /** Where else it may lie, as patterns: Debian keeps some programs off the PATH. */
  folders?: readonly string[]
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

/** The PostgreSQL server's program, with `initdb` beside it; start it with `startPostgres`. */
export function findPostgres(): Promise<string | undefined> {
  return findProgram({
    what: 'A PostgreSQL server',
    variable: 'POSTGRES_SERVER',
    names: ['postgres'],
    debianPackage: 'postgresql',
    folders: ['/usr/lib/postgresql/*/bin'],
  })
}

export async function findProgram(wanted: Wanted): Promise<string | undefined> {
  const program = present(wanted) ?? (mayInstall() && install(wanted.debianPackage) ? present(wanted) : undefined)
  if (program !== undefined) return program

  const missing = `${wanted.what} is missing: set ${wanted.variable}, or install "${wanted.debianPackage}".`
  if (process.env.CI) throw new Error(missing)

  console.error(`SKIPPING what needs it. ${missing}`)
  return undefined
}

function present({ variable, names, folders: others = [] }: Wanted): string | undefined {
  const named = process.env[variable]
  if (named !== undefined && named !== '') return named

  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...globSync([...others])
      .toSorted()
      .toReversed(),
  ]
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

/** As root on Debian, where what is missing is installed. */
export function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version')
}

/** Several test files may ask at once: apt then waits for its lock, and the second finds nothing left to do. */
export function install(...debianPackages: string[]): boolean {
  const settings = ['-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=150']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: string[]) => spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const get = () => apt('install', ...settings, ...debianPackages).status === 0

  console.error(`Installing ${debianPackages.join(', ')} ...`)
  return get() || (apt('update', '-qq').status === 0 && get())
}

/** A running Redis. */
export interface RedisServer extends Server {
  readonly folder: string
  readonly port: number
  /** The server's process: for tests that freeze or kill it. */
  readonly pid: number
  /** Ends it. Port and folder stay its own. */
  down(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again, on the same port and folder. */
  up(): Promise<void>
}

/**
 * Starts a Redis on a free port, in a folder that goes when it stops. Without settings it keeps nothing on disk.
 *
 * @param settings what stands in its command line: `['--appendonly', 'yes']`
 * @param folder where its data lies, if not in a temporary folder
 */
export async function startRedis(
  program: string,
  settings: readonly string[] = [],
  folder = mkdtempSync(join(tmpdir(), 'errand-redis-')),
): Promise<RedisServer> {
  const port = await freePort()
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  // By default a replica waits five seconds for others to copy together with.
  const quick = ['--repl-diskless-sync-delay', '0']
  const args = [...place, '--save', '', '--appendonly', 'no', ...quick, ...settings]
  let child = await startedRedis(program, args)
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)

  return {
    url: `redis://127.0.0.1:${port}`,
    folder,
    port,
    get pid() {
      return child.pid!
    },
    down: (signal) => ended(child, signal),
    async up() {
      child = await startedRedis(program, args)
    },
    async stop() {
      // One that is frozen would not hear of its end, and there is nothing to keep.
      await ended(child, 'SIGKILL')
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startedRedis(program: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await printed(child, 'Ready to accept connections')
  return child
}

/** A running PostgreSQL: its URL names the database `postgres` and its superuser. */
export interface PostgresServer extends Server {
  readonly folder: string
  readonly port: number
  /** The server's process: for tests that kill it. */
  readonly pid: number
  /** Ends it. Port and folder stay its own. By SIGKILL all its processes go at once, as when a machine dies. */
  down(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again, on the same port and folder. */
  up(): Promise<void>
  /** Lines of postgresql.conf given on the command line stay; the data stays too. */
  restart(signal?: NodeJS.Signals): Promise<void>
}

/**
 * Starts a PostgreSQL with a database of its own on a free port, in a folder that goes when it stops.
 * Making the database takes seconds, so start one per test file and give each store a schema of its own.
 *
 * @param settings lines of postgresql.conf, such as `fsync=off`
 * @param folder where its data lies, if not in a temporary folder
 */
export async function startPostgres(
  program: string,
  settings: readonly string[] = [],
  folder = mkdtempSync(join(tmpdir(), 'errand-postgres-')),
): Promise<PostgresServer> {
  const owner = postgresOwner()
  if (owner) chownSync(folder, owner.uid, owner.gid)
  await makeDatabase(program, folder, owner)

  const port = await freePort()
  const place = ['-D', folder, '-h', '127.0.0.1', '-p', String(port), '-k', '']
  const args = [...place, ...settings.flatMap((setting) => ['-c', setting])]
  let child = await startedPostgres(program, args, owner)
  const killAtExit = () => void child.kill('SIGQUIT')
  process.once('exit', killAtExit)
  const down = async (signal: NodeJS.Signals = 'SIGINT') => {
    const others = signal === 'SIGKILL' ? childrenOf(child) : []
    await ended(child, signal)
    await Promise.all(others.map(killed))
  }
  const up = async () => {
    child = await startedPostgres(program, args, owner)
  }

  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    folder,
    port,
    get pid() {
      return child.pid!
    },
    down,
    up,
    async restart(signal) {
      await down(signal)
      await up()
    },
    async stop() {
      // Stops without waiting for its clients, and with nothing to keep.
      await ended(child, 'SIGQUIT')
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The processes that it has started: the kernel knows them. */
function childrenOf({ pid, exitCode, signalCode }: ChildProcess): number[] {
  if (exitCode !== null || signalCode !== null) return []
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')

  return list.split(' ').filter(Boolean).map(Number)
}

/** Kills a process that is no child of this one, and resolves when nothing of it runs any more. */
async function killed(pid: number): Promise<void> {
  while (isRunning(pid)) {
    process.kill(pid, 'SIGKILL')
    await sleep(5)
  }
}

/** One that has ended stays listed until its parent has asked how. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

interface Owner {
  uid: number
  gid: number
}

/** It refuses to run as root: it then runs as its own user, or as nobody. */
function postgresOwner(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined

  const idOf = (flag: string, user: string) => {
    const { status, stdout } = spawnSync('id', [flag, user], { encoding: 'utf8' })
    return status === 0 ? Number(stdout) : undefined
  }
  const user = idOf('-u', 'postgres') === undefined ? 'nobody' : 'postgres'
  return { uid: idOf('-u', user) ?? 65_534, gid: idOf('-g', user) ?? 65_534 }
}

async function makeDatabase(program: string, folder: string, owner: Owner | undefined): Promise<void> {
  const places = [dirname(program), dirname(realpathSync(program))]
  const initdb = places.map((place) => join(place, 'initdb')).find(isExecutable) ?? 'initdb'
  const settings = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions']

  await new Promise<void>((resolve, reject) => {
    execFile(initdb, ['-D', folder, ...settings], { ...owner, cwd: folder }, (error) =>
      error ? reject(error) : resolve(),
    )
  })
}

async function startedPostgres(program: string, args: readonly string[], owner: Owner | undefined) {
  const child = spawn(program, args, { ...owner, cwd: tmpdir(), stdio: ['ignore', 'inherit', 'pipe'] })
  await printed(child, 'ready to accept connections', child.stderr)
  return child
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
export async function printed(child: ChildProcess, text: string, output = child.stdout): Promise<void> {
  if (output === null) throw new Error('The child needs a pipe as its standard output.')
  const said: string[] = []

  // Reading goes on after the line was found, so that the child never waits for room in its pipe.
  const lines = createInterface({ input: output })
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
