/** What upkeep does to the file itself once its own step is committed: ballast, checkpoint, giving pages back. */
import type { Ballast } from './ballast.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Connection } from './connection.ts'

const pagesPerCall = 100
/** Fewer free pages than this are not worth a write. */
const worthwhile = 1_000

export function tidy(connection: Connection, checkpoints: Checkpoints, ballast: Ballast): void {
  const scarce = ballast.given
  const free = Number(connection.pragma('freelist_count'))
  const all = Number(connection.pragma('page_count'))
  if (scarce ? free > 0 : free > worthwhile && free * 4 > all) giveBackPages(connection)
  if (scarce) checkpoints.run('truncate')
  ballast.restore()
}

/** The lock may be taken, or the disk full: the next upkeep tries again. */
function giveBackPages({ db }: Connection): void {
  try {
    db.exec(`pragma incremental_vacuum(${pagesPerCall})`)
  } catch {
    return
  }
}
