/** What the engine knows of its own health, for `doctor`. Reads only. */
import { dirname } from 'node:path'
import type { Inspection } from '../store.ts'
import { freeBytes, sizeOf, type Ballast } from './ballast.ts'
import type { Connection, Synchronous } from './connection.ts'
import { fileSystemName, isOverlay, isRemote, type FileSystemType } from './file-system.ts'
import { schemaVersion } from './migrate.ts'

const mebi = 1 << 20
/** A WAL this large has a reader that never ends, or nobody who checkpoints. */
const largeWal = 64 * mebi

export function inspect(
  connection: Connection,
  ballast: Ballast,
  synchronous: Synchronous,
  typeOf: FileSystemType,
): Inspection[] {
  const { path } = connection
  return [
    file(connection),
    durability(connection, synchronous),
    wal(path),
    freePages(connection),
    reserve(ballast),
    disk(path),
    ...moving(connection),
    fileSystem(typeOf(dirname(path))),
  ]
}

function file(connection: Connection): Inspection {
  const { version } = connection.db.prepare('select sqlite_version() as version').get() as { version: string }
  const detail = `${connection.path}, ${inMebi(sizeOf(connection.path))}, schema ${schemaVersion(connection.db)}, SQLite ${version}.`
  return { subject: 'file', verdict: 'good', detail }
}

function durability(connection: Connection, wanted: Synchronous): Inspection {
  connection.commitLightly(false)
  const safe = connection.pragma('journal_mode') === 'wal' && Number(connection.pragma('synchronous')) === 2
  if (safe)
    return { subject: 'durability', verdict: 'good', detail: 'WAL with synchronous=FULL: jobs survive a power cut.' }

  const detail =
    wanted === 'normal'
      ? 'synchronous=NORMAL was asked for: jobs survive the end of a process, and a power cut may take the last ones.'
      : 'SQLite does not run at synchronous=FULL though it was asked to: a power cut may take the last jobs.'
  return { subject: 'durability', verdict: wanted === 'normal' ? 'warning' : 'bad', detail }
}

/** A mover that was killed leaves jobs which nobody can claim until it is started again. */
function moving({ sql }: Connection): Inspection[] {
  const { n: leaving } = sql.leavingCount.get() as { n: number }
  if (leaving === 0) return []

  const { value } = sql.getMeta.get('moving to') as { value: string }
  const there = value === '' ? 'another store' : (JSON.parse(value) as { name: string }).name
  const detail = `${leaving} jobs are on their way to ${there} and wait for the mover. If it does not run, start it again: errand move.`
  return [{ subject: 'moving', verdict: 'warning', detail }]
}

function wal(path: string): Inspection {
  const bytes = sizeOf(`${path}-wal`)
  if (bytes < largeWal) return { subject: 'write-ahead log', verdict: 'good', detail: `${inMebi(bytes)}.` }
  return {
    subject: 'write-ahead log',
    verdict: 'warning',
    detail: `${inMebi(bytes)}: a program holds a read transaction open, or a process writes without rest. End the reader.`,
  }
}

function freePages(connection: Connection): Inspection {
  const [free, all] = [Number(connection.pragma('freelist_count')), Number(connection.pragma('page_count'))]
  return {
    subject: 'free pages',
    verdict: 'good',
    detail: `${free} of ${all}; upkeep gives them back when they are many.`,
  }
}

function reserve({ given, bytes }: Ballast): Inspection {
  if (given) {
    const detail = 'It was given up because the disk was full. New jobs are refused until there is room for it again.'
    return { subject: 'ballast', verdict: 'bad', detail }
  }
  if (bytes === 0)
    return { subject: 'ballast', verdict: 'good', detail: 'None yet; the first upkeep of a worker writes it.' }
  return {
    subject: 'ballast',
    verdict: 'good',
    detail: `${inMebi(bytes)} set aside to end running jobs on a full disk.`,
  }
}

function disk(path: string): Inspection {
  const bytes = freeBytes(dirname(path))
  return { subject: 'disk', verdict: bytes < 256 * mebi ? 'warning' : 'good', detail: `${inMebi(bytes)} free.` }
}

function fileSystem(type: number): Inspection {
  const name = fileSystemName(type)
  if (isRemote(type)) {
    return { subject: 'file system', verdict: 'bad', detail: `${name}: locks between processes are not safe on it.` }
  }
  if (isOverlay(type)) {
    return {
      subject: 'file system',
      verdict: 'warning',
      detail: `${name}: the store ends with its container. Put it on a volume.`,
    }
  }
  return { subject: 'file system', verdict: 'good', detail: name }
}

const inMebi = (bytes: number) => `${(bytes / mebi).toFixed(1)} MiB`
