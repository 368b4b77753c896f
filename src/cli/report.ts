/** Prints an error for people: what it says and its code, the stack only if asked. */
import { codeOf } from './failures.ts'
import { onStderr } from './output/output.ts'
import { block, oneLine } from './output/plain-text.ts'

export function reportError(error: unknown, verbose: boolean): void {
  const message = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)

  process.stderr.write(`${onStderr('red', 'error:')} ${oneLine(message)}${code ? ` (${code})` : ''}\n`)
  if (verbose && error instanceof Error) process.stderr.write(`${block(stackOf(error))}\n`)
}

function stackOf(error: Error): string {
  const cause = error.cause === undefined ? '' : `\ncaused by ${causeOf(error.cause)}`

  return `${error.stack ?? error.message}${cause}`
}

const causeOf = (cause: unknown) => (cause instanceof Error ? stackOf(cause) : String(cause))
