/** From a URL to an engine. The only file that knows them all; each is loaded when first asked for. */
import type { Env } from '../env.ts'
import { StoreOpenError } from '../errors.ts'
import type { Store } from './store.ts'

/**
 * Opens the store a URL names: `memory:`, or `sqlite:` with a path, relative or absolute.
 *
 * @throws StoreOpenError when the URL names no engine.
 */
export async function openStore(url: string, env: Env): Promise<Store> {
  const engine = url.slice(0, url.indexOf(':') + 1)
  const place = url.slice(engine.length)

  if (engine === 'memory:') {
    const { MemoryStore } = await import('./memory/memory.ts')
    return new MemoryStore({ env })
  }
  if (engine === 'sqlite:' && place !== '') {
    const { SqliteStore } = await import('./sqlite/sqlite.ts')
    return new SqliteStore({ path: place, env })
  }
  throw new StoreOpenError(
    `"${url.replace(/\/\/.*@/, '//…@')}" names no store. Expected "memory:" or "sqlite:" followed by the path of a file, such as "sqlite:data/errand.db".`,
  )
}
