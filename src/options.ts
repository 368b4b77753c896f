import { UnknownOptionError } from './errors.ts'
import { nearest } from './nearest.ts'

/**
 * Refuses options that do not exist, naming the nearest that does.
 *
 * @throws UnknownOptionError
 */
export function checkOptions(options: object, known: readonly string[], where: string): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) throw new UnknownOptionError(option, where, nearest(option, known), known)
  }
}
