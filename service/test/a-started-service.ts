/** The service as people start it: start.cjs in a process of its own, with its worker, in a temporary folder. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { initOf, type Request, signedIn } from './requests.ts'

const startFile = fileURLToPath(new URL('../start.cjs', import.meta.url))

/** Whatever it is that starts a service: a test, or a whole file. It calls these when it is over. */
export interface Ending {
  after(end: () => Promise<void>): void
}

export interface StartedService {
  readonly process: ChildProcess
  readonly url: string
  readonly output: () => string
  /** Process ids of its children. */
  readonly children: () => number[]
  /** Sends a signal and waits for the end; gives the exit code, or the signal. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | string>
  readonly request: Request
  signIn(email?: string): Promise<string>
}

/** How soon the tasks of a dead worker are taken over, for tests that wait for that. */
export const shortLease = { WORKER_LEASE_SECONDS: '2' }

/** Starts it on a free port and gives what can be told without waiting. */
export function launched(t: Ending, dataDir: string, variables: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--conditions=errand-source', startFile], {
    cwd: dataDir,
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, PORT: '0', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })

  return { child, output: () => output, exited }
}

export async function aStartedService(
  t: Ending,
  dataDir: string,
  variables: Record<string, string> = {},
): Promise<StartedService> {
  const { child, output, exited } = launched(t, dataDir, variables)
  const url = await Promise.race([
    readyUrl(child, output),
    exited.then((code) => {
      throw new Error(`It ended with ${code}: ${output()}`)
    }),
  ])

  const request: Request = (method, path, options) => fetch(`${url}${path}`, initOf(method, options))

  return {
    process: child,
    url,
    output,
    request,
    children: () => childrenOf(child.pid!),
    end: async (signal) => {
      child.kill(signal)
      return exited
    },
    signIn: (email) => signedIn(request, email),
  }
}

async function readyUrl(child: ChildProcess, output: () => string): Promise<string> {
  for (;;) {
    const url = /^ready (http:\S+)$/m.exec(output())?.[1]
    if (url) return url
    await once(child.stdout!, 'data')
  }
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))

  return pairs.flatMap(([own, parent]) => (parent === pid ? [own!] : []))
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A process that has ended and was not yet asked about is still listed.
    return !spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
      .stdout.trim()
      .startsWith('Z')
  } catch {
    return false
  }
}
