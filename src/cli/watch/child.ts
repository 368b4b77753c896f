/**
 * The side of `--watch` that does the work: a child of the process that watches.
 *
 * It tells its parent which files it imported, so that exactly these are watched, and
 * stops when the parent is gone.
 */
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** Set for the child alone. */
export const childMark = 'ERRAND_SUPERVISED'

export interface ImportedFiles {
  readonly imported: readonly string[]
}

export const isSupervised = (): boolean => process.env[childMark] === '1' && process.send !== undefined

const ours = new URL('../../', import.meta.url).href

/** Files of the app: not Errand's own, and not those of packages. */
const isOfTheApp = (url: string) => url.startsWith('file:') && !url.startsWith(ours) && !url.includes('/node_modules/')

/** From now on tells the parent of every file that is imported, also of one that then turns out to be faulty. */
export function reportImports(): void {
  const seen = new Set<string>()
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      if (isOfTheApp(resolved.url) && !seen.has(resolved.url)) {
        seen.add(resolved.url)
        send({ imported: [fileURLToPath(resolved.url.replace(/[?#].*$/, ''))] })
      }
      return resolved
    },
  })
  if (process.argv[1] !== undefined) send({ imported: [process.argv[1]] })
}

function send(message: ImportedFiles): void {
  if (process.connected) process.send!(message)
}

/** A parent that was killed cannot ask its child to stop. */
export function whenSupervisorEnds(stop: () => void): void {
  if (!isSupervised()) return
  process.once('disconnect', stop)
  // Listening must not keep the process alive.
  process.channel?.unref()
}
