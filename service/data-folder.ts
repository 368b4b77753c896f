/** The folder that everything is kept in: made where it is missing, and used by one service at a time. */
import { accessSync, constants, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder cannot be used. The message is one line that says why. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError'
}

/** Makes the folder where it is missing, and sees that it can be written in. */
export function prepareDataFolder(dataDir: string): void {
  try {
    makeFolder(dataDir)
    accessSync(dataDir, constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DataFolderError(
      `DATA_DIR: cannot write in ${dataDir} (${code}). Choose another folder, or allow writing there.`,
      { cause: error },
    )
  }
}

/** One folder after the other: `recursive` never returns where the system denies a folder that it says is missing. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return
  makeFolder(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

/**
 * Takes the folder for this process until the function it gives is called, or the process is gone. Two services in
 * one folder would each start a worker, remove what the other is writing and speak with a mailbox the other never sees.
 */
export function takeDataFolder(dataDir: string): () => void {
  const path = join(dataDir, 'service.pid')
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, `${process.pid} ${startOf(process.pid) ?? ''}\n`, { mode: 0o600 })
  try {
    while (!linked(aside, path)) removeStale(path, dataDir)
  } finally {
    rmSync(aside, { force: true })
  }

  return () => rmSync(path, { force: true })
}

function linked(aside: string, path: string): boolean {
  try {
    linkSync(aside, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function removeStale(path: string, dataDir: string): void {
  const [pid, start] = contentOf(path).trim().split(' ')
  if (isAlive(Number(pid), start)) {
    throw new DataFolderError(
      `Another service (pid ${pid}) uses DATA_DIR ${dataDir}. Stop it, or set another DATA_DIR.`,
    )
  }
  rmSync(path, { force: true })
}

/** Nothing where the other process has just removed it. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Whether the process that wrote the file still runs. After a restart of the machine its number may be another's. */
function isAlive(pid: number, start: string | undefined): boolean {
  if (!Number.isSafeInteger(pid) || pid < 1 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }

  return start === undefined || start === startOf(pid)
}

/** When a process started, in the system's own ticks; nothing where the system does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program comes second, in brackets, and may hold anything.
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')

    return state === 'Z' ? undefined : rest[18]
  } catch {
    return undefined
  }
}
