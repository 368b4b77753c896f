/** For a command that was mistyped: the nearest there is, or all there are. */
import { nearest } from '../nearest.ts'
import { UsageError } from './failures.ts'

/** `group` is what was typed before it: `queues`. */
export function unknownCommand(unknown: string, known: readonly string[], group = ''): UsageError {
  const named = (command: string) => [group, command].filter(Boolean).join(' ')
  const near = nearest(unknown, known)

  return new UsageError(
    `Unknown command "${named(unknown)}".${near ? ` Did you mean "${named(near)}"?` : ` There are: ${known.map(named).join(', ')}.`}`,
  )
}
