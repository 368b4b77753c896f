/** From a URL to an engine. The only file that knows them all; each is loaded when first asked for. */
import type { Env } from '../env.ts'
import { StoreOpenError } from '../errors.ts'
import type { Store } from './store.ts'

/** The oldest Node that Errand runs on, as package.json says it. */
export const oldestNode = '24.15'

/** Why this Node is too old, or undefined. */
export function refusalOfNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined

  return `Errand needs Node ${oldestNode} or newer, this is ${version} (${process.execPath}).`
}

/**
 * Opens the store a URL names: `memory:`, or `sqlite:` with a path, relative or absolute.
 *
 * @throws StoreOpenError when the URL names no engine, or this Node is too old.
 */
export async function openStore(url: string, env: Env): Promise<Store> {
  const refusal = refusalOfNode(process.versions.node)
  if (refusal !== undefined) throw new StoreOpenError(refusal)
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
