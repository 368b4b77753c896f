/** Removes what nobody will ask for: results past their time, and what a worker that was killed left half-written. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataFolders } from './folders.ts'

/** How long a result can be downloaded. */
export const resultMs = 7 * 24 * 60 * 60 * 1000

/** Call before a worker starts: then no half-written file is anybody's. */
export async function removeUnfinished({ results }: DataFolders): Promise<void> {
  for (const name of await readdir(results)) if (name.endsWith('.part')) await rm(join(results, name), { force: true })
}

export async function removeOldResults({ results }: DataFolders, now = Date.now()): Promise<void> {
  for (const name of await readdir(results)) {
    const path = join(results, name)
    const file = await stat(path).catch(() => undefined)
    if (file && file.mtimeMs < now - resultMs) await rm(path, { force: true })
  }
}
