/**
 * The one connection of a store to its file.
 *
 * Opening checks what safety rests on: the version of SQLite, the file system, the schema, and that
 * a commit is as durable as it was asked to be, read back after a write because some builds answer
 * one thing when asked first and do another.
 */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ErrandError, StoreBusyError, StoreOpenError, StoreUnsafeError } from '../../errors.ts'
import { refuseRemote, type FileSystemType } from './file-system.ts'
import { idValue } from './job-row.ts'
import { migrate } from './migrate.ts'
import { Names } from './names.ts'
import { isBusy, isFull, isNoDatabase } from './sqlite-errors.ts'
import { prepareAll, type Statements } from './statements.ts'

export type Synchronous = 'full' | 'normal'

export interface ConnectionOptions {
  readonly path: string
  readonly synchronous: Synchronous
  readonly allowNetworkFileSystem: boolean
  readonly fileSystemType: FileSystemType
}

/** Opening alone may hold the event loop for the lock: several processes that start at once take turns. */
const openingMs = 5000
const oldestSqlite = [3, 51, 3]

export class Connection {
  readonly path: string
  readonly db: DatabaseSync
  readonly sql: Statements
  readonly names: Names
  readonly #inode: string
  readonly #synchronous: Synchronous
  #commits: Synchronous

  constructor(options: ConnectionOptions) {
    this.path = resolve(options.path)
    this.#synchronous = this.#commits = options.synchronous
    this.db = openFile(this.path, options)
    this.sql = prepareAll({
      objects: (sql) => this.db.prepare(sql),
      arrays: (sql) => {
        const statement = this.db.prepare(sql)
        statement.setReturnArrays(true)
        return statement
      },
    })
    this.names = new Names(this.sql)
    this.#inode = inodeOf(this.path)!
  }

  /**
   * Whether the commits that follow are waited for until they are on the disk. What a light one wrote may be gone
   * after a power cut, in its order: never before anything that a later full commit has made safe.
   */
  commitLightly(light: boolean): void {
    const wanted = light ? 'normal' : this.#synchronous
    if (wanted === this.#commits) return
    // This pragma acts when it is compiled, so it must not be prepared.
    this.db.exec(`pragma synchronous = ${wanted}`)
    this.#commits = wanted
  }

  /** A file that was deleted or replaced goes on existing for us alone: whatever is written there is lost. */
  checkFile(): void {
    if (inodeOf(this.path) === this.#inode) return

    throw new StoreUnsafeError(
      `The file ${this.path} was deleted or replaced while it was open, so nothing more is written to it. Stop every process that ` +
        `uses the store before moving or restoring its file, then start them again.`,
    )
  }

  seqsOf(ids: readonly string[]): number[] {
    return ids.flatMap((id) => (this.sql.seqOfId.get(idValue(id)) as { seq: number } | undefined)?.seq ?? [])
  }

  pragma(name: string): number | string {
    return Object.values(this.db.prepare(`pragma ${name}`).get() as object)[0] as number | string
  }

  close(): void {
    if (this.db.isOpen) this.db.close()
  }
}

export function inodeOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  // A new file may be given the number of the deleted one.
  return stat && `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`
}

function openFile(path: string, options: ConnectionOptions): DatabaseSync {
  try {
    prepareFolder(path, options)
    const db = new DatabaseSync(path, { timeout: openingMs, enableForeignKeyConstraints: false })
    try {
      setUp(db, path, options.synchronous)
      return db
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    if (error instanceof ErrandError) throw error
    if (isBusy(error)) throw new StoreBusyError(openingMs)
    throw new StoreOpenError(`Cannot open the store at ${path}: ${(error as Error).message}. ${advice(path, error)}`, {
      cause: error,
    })
  }
}

function prepareFolder(path: string, { allowNetworkFileSystem, fileSystemType }: ConnectionOptions): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  if (!allowNetworkFileSystem) refuseRemote(path, folder, fileSystemType)
  // SQLite opens a file that cannot be written for reading, and complains at the first job.
  accessSync(existsSync(path) ? path : folder, constants.R_OK | constants.W_OK)
}

function advice(path: string, error: unknown): string {
  if (isNoDatabase(error)) return 'There is a file of another kind, which was left as it is. Choose another path.'
  if (existsSync(path) && statSync(path).isDirectory()) return 'It is a folder; name a file in it.'
  return 'Check that its folder is there, may be written by this user, and has room.'
}

function setUp(db: DatabaseSync, path: string, synchronous: Synchronous): void {
  refuseOldSqlite(db)
  const wanted = synchronous === 'full' ? 2 : 1
  // auto_vacuum must come before the first table, and takes no effect later.
  db.exec(`pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = ${wanted};
    pragma cache_size = -16384; pragma temp_store = memory; pragma mmap_size = 0; pragma wal_autocheckpoint = 4000;
    pragma journal_size_limit = 67108864; pragma foreign_keys = off; pragma trusted_schema = off`)
  migrate(db, path)
  readBack(db, path, wanted)
  db.exec('pragma busy_timeout = 0')
}

function refuseOldSqlite(db: DatabaseSync): void {
  const { version } = db.prepare('select sqlite_version() as version').get() as { version: string }
  const parts = version.split('.').map(Number)
  const differing = oldestSqlite.findIndex((part, index) => parts[index] !== part)
  if (differing === -1 || parts[differing]! > oldestSqlite[differing]!) return

  throw new StoreUnsafeError(
    `This Node carries SQLite ${version}, which has a bug that can corrupt a file shared by several processes. ` +
      `Errand needs ${oldestSqlite.join('.')} or newer: use Node 24.15 or newer.`,
  )
}

function readBack(db: DatabaseSync, path: string, wanted: number): void {
  writeNothing(db)
  const { journal_mode: mode } = db.prepare('pragma journal_mode').get() as { journal_mode: string }
  const { synchronous } = db.prepare('pragma synchronous').get() as { synchronous: number }
  if (mode === 'wal' && synchronous === wanted) return

  throw new StoreUnsafeError(
    `SQLite runs ${path} with journal mode "${mode}" and synchronous ${synchronous}, though WAL and ${wanted} were asked for, ` +
      `so jobs could be lost in a power cut. Use a local disk and the SQLite that comes with Node.`,
  )
}

/** On a full disk there is no room even for that, and a worker that starts there is to settle what it can all the same. */
function writeNothing(db: DatabaseSync): void {
  try {
    db.exec(`begin immediate; update errand_meta set value = value where key = 'seq'; commit`)
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    if (!isFull(error)) throw error
  }
}
