/** The folder that everything is kept in: made where it is missing, and used by one service at a time. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

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

/** Held for as long as the process lives; a lock that nothing refers to would be let go. */
let lock: DatabaseSync | undefined

/**
 * Takes the folder for this process until it ends, however it ends: the lock is the system's, and the number in the
 * file only serves the message. Two services in one folder would each start a worker, remove what the other is
 * writing and speak with a mailbox the other never sees.
 */
export function takeDataFolder(dataDir: string): void {
  const path = join(dataDir, 'service.pid')
  try {
    lock = new DatabaseSync(join(dataDir, 'service.lock'), { timeout: 0 })
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    if (!(error as Error).message.includes('locked')) throw error
    const holder = existsSync(path) ? ` (pid ${readFileSync(path, 'utf8').trim()})` : ''
    throw new DataFolderError(`Another service${holder} uses DATA_DIR ${dataDir}. Stop it, or set another DATA_DIR.`)
  }
  writeFileSync(path, `${process.pid}\n`)
  process.on('exit', () => rmSync(path, { force: true }))
}
